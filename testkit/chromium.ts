import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

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

/** The system's own Chromium. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath(), args: ['--no-sandbox'] });
