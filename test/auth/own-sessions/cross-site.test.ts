import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import type { Browser } from 'playwright-core';
import { request } from 'undici';
import type { SameSite } from '#src/auth/sessions/cookies.ts';
import { launchChromium } from '#testkit/browser/chromium.ts';
import { ada, openSession, signedIn, startRoom } from '../room.ts';

const test = anyTest as TestFn<{ browser: Browser }>;

test.before(async (t) => {
  t.context.browser = await launchChromium(['--host-resolver-rules=MAP *.test 127.0.0.1']);
});
test.after.always(async (t) => t.context.browser?.close());

/** A front end at `localhost`, which for browsers is another site than the service at 127.0.0.1. */
const startFrontEnd = async (t: ExecutionContext): Promise<string> => {
  const server = createServer((_, response) =>
    response.setHeader('Content-Type', 'text/html').end('<title>App</title>'),
  );
  server.listen(0);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://localhost:${(server.address() as AddressInfo).port}`;
};

type Seen = { readonly status: number; readonly code?: string; readonly csrf_token?: string; readonly detail?: string };

/** Calls the service from a page of the front end, as its program would. */
const openPage = async (t: ExecutionContext<{ browser: Browser }>, sameSite: SameSite) => {
  const origin = await startFrontEnd(t);
  const room = await startRoom(t, { settings: { sameSite, origins: [origin] } });
  await signedIn(room);
  const page = await t.context.browser.newPage();
  t.teardown(() => page.close());
  await page.goto(origin);
  const send = (path: string, body?: object, headers: Record<string, string> = {}): Promise<Seen> => {
    const init = {
      method: body ? 'POST' : 'GET',
      credentials: 'include',
      headers: { ...(body && { 'Content-Type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    };
    const request = JSON.stringify([`${room.url}${path}`, init]);
    return page.evaluate(
      `fetch(...${request}).then(async (answer) => ({ ...(await answer.json()), status: answer.status }))`,
    );
  };
  return { room, send };
};

/** `fetch` sets the header Host itself. */
const loginAs = async (url: string, headers: Record<string, string>) => {
  const { statusCode: status, body } = await request(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ ...ada, session: true }),
  });
  return { status, body: (await body.json()) as Record<string, unknown> };
};

test('a page over plain HTTP cannot sign in for a session, except on loopback: the browser drops its cookie', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const loginFrom = async (host: string): Promise<Seen & { readonly next: number }> => {
    const page = await t.context.browser.newPage();
    t.teardown(() => page.close());
    await page.goto(`http://${host}:${new URL(room.url).port}/docs`);
    const init = JSON.stringify({
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...ada, session: true }),
    });
    const path = new URL(room.url).pathname.replace(/\/$/, '');
    return page.evaluate(`fetch('${path}/auth/login', ${init}).then(async (answer) => ({
      ...(await answer.json()), status: answer.status, next: (await fetch('${path}/auth/me')).status,
    }))`);
  };
  const refused = await loginFrom('app.volwatch.test');
  t.like(refused, { status: 403, code: 'session_insecure', next: 401 });
  t.regex(refused.detail ?? '', /HTTPS/);
  t.is((await room.stored.query('select 1 from user_session')).length, 0);
  t.like(await loginFrom('localhost'), { status: 200, next: 200 });

  const login = (headers: Record<string, string>) => room.json('/auth/login', { ...ada, session: true }, headers);
  const { port } = new URL(room.url);
  const from = { Origin: 'http://app.volwatch.test:8080', Host: `app.volwatch.test:${port}` };
  t.like((await loginAs(room.url, from)).body, { code: 'session_insecure' }, 'a front end on another port');
  t.is((await loginAs(room.url, { ...from, 'Sec-Fetch-Site': 'same-site' })).status, 200, 'the service has HTTPS');
  t.is((await loginAs(room.url, { ...from, Origin: 'https://app.volwatch.test' })).status, 200);
  t.is((await login({})).status, 200, 'a program');
});

test('with SameSite=None the sign-in of a browser that blocks cookies of other sites is refused', async (t) => {
  const { room } = await openPage(t, 'none');
  const login = (headers: Record<string, string>) => room.json('/auth/login', { ...ada, session: true }, headers);
  const crossSite = { 'Sec-Fetch-Site': 'cross-site' };
  for (const access of ['none', 'inactive']) {
    const refused = await login({ ...crossSite, 'Sec-Fetch-Storage-Access': access });
    t.like(refused.body, { status: 403, code: 'session_cross_site' });
  }
  t.is((await room.stored.query('select 1 from user_session')).length, 0);
  t.is((await login({ ...crossSite, 'Sec-Fetch-Storage-Access': 'active' })).status, 200);
  t.is((await login(crossSite)).status, 200, 'browsers without the header');
});

test('with SameSite=None the requests of a page of a listed origin work with its session, those of other origins do not', async (t) => {
  const app = 'https://app.example';
  const room = await startRoom(t, { settings: { sameSite: 'none', origins: [app] } });
  await signedIn(room);
  const from = (origin: string) => ({ Origin: origin, 'Sec-Fetch-Site': 'cross-site' });
  const { answer, cookie, csrf } = await openSession(room, ada, from(app));
  t.is(answer.headers.get('access-control-allow-origin'), app);
  t.is((await room.me({ cookie, ...from(app) })).status, 200);
  const create = (headers: Record<string, string>) =>
    room.json('/api-keys', { name: 'k', scopes: [] }, { cookie, ...headers });
  t.is((await create({ ...from(app), 'X-CSRF-Token': csrf })).status, 201);
  t.like((await create(from(app))).body, { code: 'csrf_token_invalid' });
  t.like((await create({ ...from('https://evil.example'), 'X-CSRF-Token': csrf })).body, {
    code: 'csrf_token_invalid',
  });
});

test('a page of another site causes no GET request that stores something with the session of a visitor', async (t) => {
  const app = 'https://app.example';
  const room = await startRoom(t, { settings: { sameSite: 'none', origins: [app] } });
  await signedIn(room);
  const { cookie } = await openSession(room, ada);
  const principal = await room.auth.authenticate({ headers: { cookie } }, 'authenticated');
  const get = (headers: Record<string, string>) =>
    room.auth.csrf({ method: 'GET', headers: { cookie, host: 'api.volwatch.test', ...headers } }, principal);
  const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
  const frame = { ...image, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
  for (const headers of [image, frame, { ...image, origin: 'https://evil.example' }]) {
    await t.throwsAsync(get(headers), { code: 'csrf_token_invalid' });
  }
  await t.notThrowsAsync(get({ ...image, origin: app }), 'a listed origin');
  await t.notThrowsAsync(get({ ...frame, 'sec-fetch-dest': 'document' }), 'the visitor opens the page');
  await t.notThrowsAsync(get({}), 'no browser');
});

for (const sameSite of ['strict', 'lax'] as const) {
  test(`with SameSite=${sameSite} its sign-in for a session is refused where the page sees it; tokens work`, async (t) => {
    const { room, send } = await openPage(t, sameSite);
    const login = await send('/auth/login', { ...ada, session: true });
    t.like(login, { status: 403, code: 'session_cross_site' });
    t.regex(login.detail ?? '', /SESSION_COOKIE_SAMESITE=none/);
    t.is((await room.stored.query('select 1 from user_session')).length, 0);
    t.is((await send('/auth/login', ada)).status, 200);
  });
}

test('the attribute of the cookie is that of the setting, also when it is deleted', async (t) => {
  for (const [sameSite, attribute] of [
    ['strict', 'Strict'],
    ['lax', 'Lax'],
    ['none', 'None'],
  ] as const) {
    const room = await startRoom(t, { settings: { sameSite } });
    await signedIn(room);
    const login = await room.json('/auth/login', { ...ada, session: true });
    const cookie = String(login.headers.get('set-cookie'));
    t.regex(cookie, new RegExp(`^__Host-session=.*; Secure; HttpOnly; SameSite=${attribute}$`));
    const headers = { cookie: cookie.split(';')[0]!, 'X-CSRF-Token': String(login.body['csrf_token']) };
    const logout = await room.call('/auth/logout', { method: 'POST', headers });
    t.regex(String(logout.headers.get('set-cookie')), new RegExp(`Max-Age=0; .*SameSite=${attribute}$`));
  }
});
