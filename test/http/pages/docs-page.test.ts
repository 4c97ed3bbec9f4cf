import anyTest, { type TestFn } from 'ava';
import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { launchChromium } from '#testkit/browser/chromium.ts';
import { serve } from '../support.ts';

const test = anyTest as TestFn<{ browser: Browser }>;

test.before(async (t) => {
  t.context.browser = await launchChromium();
});
test.after.always(async (t) => t.context.browser?.close());

const routes = [
  defineRoute({
    method: 'POST',
    path: '/pricing/echo',
    tag: 'pricing',
    summary: 'Answers what it is sent',
    auth: 'public',
    rateLimit: 'caller',
    load: 'none',
    request: { body: z.strictObject({ spot: z.number().positive().meta({ example: 100 }) }) },
    responses: { 200: z.strictObject({ spot: z.number() }) },
    errors: ['pricing_calculation_failed'],
    handler: async ({ body }) => ({ status: 200, body }),
  }),
];

test('the docs page works under its own policy, with nothing from elsewhere', async (t) => {
  const { port } = await serve(t, { routes, production: false });
  const origin = `http://127.0.0.1:${port}`;
  const page = await t.context.browser.newPage();
  const complaints: string[] = [];
  const requested: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  page.on('request', (request) => requested.push(request.url()));
  // A violation of the policy need not break anything visible.
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) => {
    console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI);
  });`);

  const answer = await page.goto(`${origin}/docs`);
  t.regex(answer?.headers()['content-security-policy'] ?? '', /script-src 'self'(;|$)/);
  await page.locator('#docs .info .title').waitFor();
  t.regex((await page.locator('#docs .info .title').textContent()) ?? '', /^Test/);

  // It is interactive: an operation opens and can be tried out against this origin.
  const operation = page.locator('.opblock', { hasText: '/api/v1/pricing/echo' });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  t.true(requested.includes(`${origin}/api/v1/pricing/echo`));

  const image = process.env['DOCS_SCREENSHOT'];
  if (image) await page.screenshot({ path: image, fullPage: true });
  t.deepEqual(complaints, []);
  t.deepEqual(
    requested.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:')),
    [],
  );
});

test('on a small screen nothing is wider than the screen, and the token of a client can be taken', async (t) => {
  const { port } = await serve(t, { routes, production: false });
  const page = await t.context.browser.newPage({ viewport: { width: 400, height: 900 } });
  await page.goto(`http://127.0.0.1:${port}/`);
  t.is(new URL(page.url()).pathname, '/docs');
  const operation = page.locator('.opblock', { hasText: '/api/v1/pricing/echo' });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  const tooWide = await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
  t.true(tooWide <= 0, `${tooWide} pixels too wide`);
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const oauth = page.locator('.auth-container', { hasText: 'clientCredentials' });
  const asked = page.waitForRequest((request) => request.url().endsWith('/auth/token'));
  const [id, secret] = await oauth.locator('input[type=text], input[type=password]').all();
  await id!.fill('desk');
  await secret!.fill('a secret');
  await oauth.locator('button.authorize').click();
  t.is(new URL((await asked).url()).origin, `http://127.0.0.1:${port}`);
  await page.close();
});
