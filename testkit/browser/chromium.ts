import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type BrowserContext } from 'playwright-core';

const executablePath = (): string => {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const candidates = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((directory) => names.map((name) => join(directory, name)));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here.
    }
  }
  throw new Error('No Chromium on PATH, which this test needs: run `npm run setup`');
};

/** The system's own Chromium. @param flags further flags of its command line */
export const launchChromium = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath(), args: ['--no-sandbox', ...flags] });

/**
 * Chromium with a profile in `directory` that accepts cookies of other sites. The contexts of `launchChromium` are private
 * windows, which block these cookies; some distributions block them in all windows by default.
 */
export const launchChromiumProfile = (directory: string, flags: readonly string[] = []): Promise<BrowserContext> => {
  mkdirSync(join(directory, 'Default'), { recursive: true });
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  writeFileSync(join(directory, 'Default', 'Preferences'), JSON.stringify(preferences));
  return chromium.launchPersistentContext(directory, {
    executablePath: executablePath(),
    args: ['--no-sandbox', ...flags],
    ignoreHTTPSErrors: true,
  });
};
