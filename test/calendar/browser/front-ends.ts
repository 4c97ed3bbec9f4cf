import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { BrowserContext } from 'playwright-core';
import { launchChromium, launchChromiumProfile } from '#testkit/browser/chromium.ts';
import { call, json, temporaryDirectory } from '#testkit/running-service.ts';
import { createAuthority } from '#testkit/servers/tls/certificates.ts';
import { calendarPage } from '#testkit/browser/calendar-page.ts';
import { startTlsFront } from '#testkit/browser/tls-front.ts';
import { startStage } from '../support.ts';

/** The service, a front end on the same site, and one on another site. Certificates are of an authority of the test. */
const hosts = { api: 'api.volwatch.test', sameSite: 'app.volwatch.test', crossSite: 'app.customer.test' } as const;
export type Place = 'sameSite' | 'crossSite';
/** `private`: a private window, in which Chromium blocks cookies of other sites. */
export type Window = 'ordinary' | 'private';

export const person = { email: 'ada@example.org', password: 'correct horse battery staple 71' };

type Shown = { readonly answered: number; readonly status: number; readonly body: Record<string, unknown> };

const resolveToLoopback = ['--host-resolver-rules=MAP *.test 127.0.0.1'];

const openWindow = async (t: ExecutionContext, window: Window): Promise<BrowserContext> => {
  if (window === 'ordinary') {
    const context = await launchChromiumProfile(temporaryDirectory(t), resolveToLoopback);
    t.teardown(() => context.close());
    return context;
  }
  const browser = await launchChromium(resolveToLoopback);
  t.teardown(() => browser.close());
  return browser.newContext({ ignoreHTTPSErrors: true });
};

/**
 * Starts the service behind TLS, and the page of a front end behind TLS on another host name. Chromium resolves both names to
 * loopback. HTTPS is needed, because browsers store cookies with `Secure` and `SameSite=None` for secure origins only.
 */
export const openFrontEnd = async (
  t: ExecutionContext,
  {
    place,
    sameSite,
    window = 'ordinary',
  }: { readonly place: Place; readonly sameSite: 'strict' | 'lax' | 'none'; readonly window?: Window },
) => {
  const authority = createAuthority(t);
  let target = '';
  const apiPort = await startTlsFront(t, { authority, name: hosts.api, target: () => target });
  const publicUrl = `https://${hosts.api}:${apiPort}`;

  const front = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(calendarPage(`${publicUrl}/api/v1`));
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  t.teardown(() => front.close());
  const frontUrl = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const frontPort = await startTlsFront(t, { authority, name: hosts[place], target: () => frontUrl });
  const origin = `https://${hosts[place]}:${frontPort}`;

  const stage = await startStage(t, {
    PUBLIC_URL: publicUrl,
    GOOGLE_REDIRECT_URL: `${publicUrl}/api/v1/calendar/callback`,
    CORS_ORIGINS: origin,
    SESSION_COOKIE_SAMESITE: sameSite,
  });
  target = stage.service.url;
  const registered = await call(`${stage.service.url}/api/v1/auth/register`, json(person));
  t.is(registered.status, 202, registered.text);

  const context = await openWindow(t, window);
  const page = await context.newPage();
  await page.goto(origin);

  let answered = 0;
  /** Waits for the next answer that the page shows. */
  const shown = async (): Promise<Shown> => {
    answered += 1;
    await page.locator('#answer', { hasText: `"answered":${answered},` }).waitFor();
    return JSON.parse((await page.locator('#answer').textContent()) ?? '{}') as Shown;
  };
  return {
    ...stage,
    context,
    page,
    press: async (button: 'status' | 'sync' | 'list' | 'disconnect'): Promise<Shown> => {
      await page.locator(`#${button}`).click();
      return shown();
    },
    signIn: async (): Promise<Shown> => {
      await page.locator('[name=email]').fill(person.email);
      await page.locator('[name=password]').fill(person.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      return shown();
    },
    /** Follows the link; Google sends the browser back at once. @returns what the callback shows */
    connect: async (): Promise<Record<string, unknown>> => {
      const opened = context.waitForEvent('page');
      await page.locator('#connect').click();
      const tab = await opened;
      await tab.waitForURL(`${publicUrl}/api/v1/calendar/callback*`);
      const text = await tab.locator('body').textContent();
      await tab.close();
      return JSON.parse(text ?? '{}') as Record<string, unknown>;
    },
  };
};
