import test from 'ava';
import { authEntities } from '#src/auth/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings } from '#testkit/database.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { ada, bearer, openSession, refresh, signedIn, startRoom, type Answer, type Room } from './room.ts';
import { eventually } from '#testkit/eventually.ts';
import { quickHashing } from './setup.ts';

const desk = { client_id: 'partner', client_secret: 'any' };

test('with the database away every credential and sign-in is its 503, nothing is a 401 or a 500, and all of it heals', async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  const { cookie, csrf } = await openSession(room);
  const { body } = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const key = { 'X-API-Key': String(body['key']) };

  const address = new URL(room.stored.url);
  const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  t.teardown(proxy.close);
  address.port = String(proxy.port);
  const settings = { ...databaseSettings(address.href), entities: authEntities, acquireTimeoutMs: 500 };
  const { unitOfWork, reader, close } = await createDatabase(settings);
  t.teardown(close);
  const other: Room = await startRoom(t, { beside: room, unitOfWork, reader, settings: { revocationPollMs: 100 } });
  t.is((await other.me(key)).status, 200);

  proxy.cut();
  // Longer than four poll intervals of 100 ms, for which revocations in memory are trusted.
  await new Promise((done) => setTimeout(done, 500));
  const attempts: Record<string, () => Promise<Answer>> = {
    'an access token': () => other.me(bearer(access)),
    'a key': () => other.me(key),
    'a session': () => other.me({ cookie }),
    'a sign-in': () => other.json('/auth/login', ada),
    'a registration': () => other.json('/auth/register', { ...ada, email: 'new@example.org' }),
    'a refresh': () => refresh(other, token),
    'a revocation': () => other.form('/auth/revoke', { token }),
    'a client': () => other.form('/auth/token', { grant_type: 'client_credentials', ...desk }),
    'a new key': () => other.json('/api-keys', { name: 'l', scopes: [] }, { cookie, 'X-CSRF-Token': csrf }),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    const answer = await attempt();
    t.is(answer.status, 503, what);
    t.is(answer.body['code'], 'database_unavailable', what);
    t.truthy(answer.headers.get('retry-after'), what);
  }
  t.is(other.metrics.value('volwatch_auth_failures_total'), 0);
  for (const operation of [
    'verify_token',
    'api_key',
    'session',
    'login',
    'register',
    'refresh',
    'revoke',
    'issue_token',
  ]) {
    t.true(other.metrics.value('volwatch_auth_duration_seconds', { operation, outcome: 'error' }) > 0, operation);
  }
  t.is((await other.me(bearer('rubbish'))).status, 401);
  const bootstrap = { client_id: 'desk', client_secret: 'bootstrap secret' };
  const granted = await other.form('/auth/token', { grant_type: 'client_credentials', ...bootstrap });
  t.is(granted.status, 200, 'the client of the environment needs no database');

  proxy.restore();
  for (const what of [
    'an access token',
    'a key',
    'a session',
    'a sign-in',
    'a registration',
    'a refresh',
    'a new key',
  ]) {
    let answer = await attempts[what]!();
    // A busy machine may need longer for a new connection than the acquire timeout of this test.
    await eventually(async () => {
      if (answer.status === 503) answer = await attempts[what]!();
      return answer.status !== 503;
    }, `${what} is answered`);
    t.true(answer.status < 300, `${what}: ${JSON.stringify(answer.body)}`);
  }
});

test('a rush of sign-ins holds up nobody who shows a token', async (t) => {
  const hashing = { ...quickHashing, memoryKib: 32_768, passes: 3, concurrency: 2, queue: 64 };
  const room = await startRoom(t, { settings: { hashing } });
  const { access } = await signedIn(room);
  let waiting = 10;
  const rush = Array.from({ length: 10 }, async () => {
    const { status } = await room.json('/auth/login', ada);
    waiting -= 1;
    return status;
  });
  for (let index = 0; index < 5; index += 1) t.is((await room.me(bearer(access))).status, 200);
  t.true(waiting > 3, `${waiting} sign-ins still waited when five tokens were verified`);
  t.deepEqual(new Set(await Promise.all(rush)), new Set([200]));
});
