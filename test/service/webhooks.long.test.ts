import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import { isVerified, startReceiver, type Received } from '#testkit/servers/webhook-receiver.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  clearFault,
  json,
  metric,
  refresh,
  refreshRecordOf,
  scrape,
  serve,
  setFault,
  takeToken,
  type Answer,
} from '#testkit/running-service.ts';

const events = ['refresh.succeeded', 'refresh.failed', 'refresh.rolled_back'];
/** Long enough for whatever else would come. */
const quietMs = 2_500;

const startWorker = async (t: ExecutionContext, database: TestDatabase, pollMs: number): Promise<Service> => {
  const service = await serve(t, {
    DATABASE_URL: database.url,
    JOBS_POLL_MS: String(pollMs),
    JOBS_HEARTBEAT_SECONDS: '10',
    WEBHOOK_RETRY_DELAY_SECONDS: '1',
  });
  await service.logged(({ message }) => message === 'started');
  return service;
};

const setup = async (t: ExecutionContext, pollMs: number) => {
  const database = await setupDatabase(t);
  const receiver = await startReceiver(t);
  const first = await startWorker(t, database, pollMs);
  const authorization = { Authorization: `Bearer ${await takeToken(first)}` };
  const url = `${receiver.url}/canary-path-8e21`;
  const made = await call(`${first.url}/api/v1/webhooks`, json({ url, events }, authorization));
  t.is(made.status, 201, made.text);
  const get = (service: Service, path: string): Promise<Answer> =>
    call(`${service.url}/api/v1${path}`, { headers: authorization });
  return {
    database,
    receiver,
    first,
    get,
    token: authorization.Authorization.slice('Bearer '.length),
    secret: String(made.body['secret']),
    deliveries: async (service: Service) =>
      (await get(service, `/webhooks/${String(made.body['id'])}/deliveries`)).body['data'] as Record<string, unknown>[],
  };
};

const typeOf = ({ body }: Received): string => String((JSON.parse(body) as Record<string, unknown>)['type']);

test('a refresh leads to one verified delivery, though the worker is killed between commit and delivery', async (t) => {
  // The first looks into its queues at its start and never again.
  const { database, receiver, first, token, secret, get, deliveries } = await setup(t, 600_000);
  await setFault(first, 'refresh.commit', { mode: 'error' });
  t.is(refreshRecordOf(await refresh(first, token, 'sp500'))['status'], 'rolled_back');
  await clearFault(first, 'refresh.commit');
  const { body: record } = await refresh(first, token, 'tech5');
  t.is(record['status'], 'succeeded');
  t.is((await database.query(`select 1 from pgboss.job where name = 'webhook_event'`)).length >= 2, true);
  first.process.kill('SIGKILL');
  await first.exited;
  t.deepEqual(receiver.received, []);

  const second = await startWorker(t, database, 500);
  await eventually(() => receiver.received.length >= 2, 'the receiver gets two messages', 20_000);
  await sleep(quietMs);
  t.deepEqual(receiver.received.map(typeOf).sort(), ['refresh.rolled_back', 'refresh.succeeded']);
  const message = receiver.received.find((each) => typeOf(each) === 'refresh.succeeded')!;
  for (const each of receiver.received) t.true(await isVerified(each, secret));
  const shown = await get(second, `/refreshes/${String(record['id'])}`);
  t.deepEqual((JSON.parse(message.body) as Record<string, unknown>)['data'], shown.body);
  // One trace from the refresh to its delivery.
  t.is(message.headers['traceparent']?.split('-')[1], String(record['trace_id']));
  const line = await second.logged((each) => each.message === 'a webhook was delivered');
  t.truthy(line['webhook_id']);
  t.like(await deliveries(second), [
    { type: 'refresh.succeeded', state: 'delivered', status: 204 },
    { type: 'refresh.rolled_back', state: 'delivered', status: 204 },
  ]);
  const exposition = await scrape(second);
  t.is(metric(exposition, 'volwatch_webhook_deliveries_total', { outcome: 'delivered' }), 2);

  const told = JSON.stringify([first.log, second.log]) + first.stderr() + second.stderr() + exposition;
  for (const canary of [secret, secret.slice('whsec_'.length), 'canary-path', message.headers['webhook-signature']!]) {
    t.false(told.includes(canary), canary);
  }
});

test('killed in the middle of a delivery, it is made again under the same id', async (t) => {
  const { database, receiver, first, token, secret, deliveries } = await setup(t, 500);
  receiver.fault = 'hang';
  t.is((await refresh(first, token, 'tech5')).body['status'], 'succeeded');
  await eventually(() => receiver.received.length === 1, 'the delivery begins', 20_000);
  first.process.kill('SIGKILL');
  await first.exited;
  receiver.fault = undefined;
  // As if its heartbeat had been awaited.
  await database.query(`update pgboss.job set heartbeat_on = now() - interval '1 hour' where state = 'active'`);
  const second = await startWorker(t, database, 500);
  await eventually(() => receiver.received.length === 2, 'the delivery is repeated', 60_000);
  const [one, two] = receiver.received as [Received, Received];
  t.is(one.headers['webhook-id'], two.headers['webhook-id']);
  t.is(one.body, two.body);
  t.true(await isVerified(two, secret));
  await eventually(
    async () => (await deliveries(second))[0]?.['state'] === 'delivered',
    'the delivery is recorded as delivered',
  );
  // No third delivery may come in this time, so there is no condition to wait for.
  await sleep(quietMs);
  t.is(receiver.received.length, 2);
});

test('in production nothing is sent to a private address, not even by a name; a session needs its CSRF token, and the scope', async (t) => {
  const database = await setupDatabase(t);
  const receiver = await startReceiver(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    DATABASE_URL: database.url,
    REDIS_URL: 'redis://127.0.0.1:1',
    JOBS_POLL_MS: '500',
    // The scope is granted in the middle of the test.
    OWNER_CACHE_MS: '0',
  });
  await service.logged(({ message }) => message === 'started');
  const api = `${service.url}/api/v1`;
  const credentials = { email: 'ada@example.org', password: 'a rather long sentence' };
  await call(`${api}/auth/register`, json(credentials));
  const session = await call(`${api}/auth/login`, json({ ...credentials, session: true }));
  const cookie = { Cookie: session.headers.get('set-cookie')?.split(';')[0] ?? '' };
  const { port } = new URL(receiver.url);
  const register = (url: string, headers: Record<string, string>): Promise<Answer> =>
    call(`${api}/webhooks`, json({ url, events }, headers));

  const byName = `https://localhost:${port}/`;
  t.like((await register(byName, cookie)).body, { status: 403, code: 'scope_insufficient' });
  await database.query(`update user_account set scopes = '{market:refresh}'`);
  const unprotected = await register(byName, cookie);
  t.like(unprotected.body, { status: 403, code: 'csrf_token_invalid' });
  const owner = { ...cookie, 'X-CSRF-Token': String(session.body['csrf_token']) };
  const privateUrls = [receiver.url, `https://127.0.0.1:${port}/`, 'https://[::1]/', 'https://169.254.169.254/latest'];
  for (const url of [...privateUrls, byName]) {
    t.like((await register(url, owner)).body, { status: 422, errors: [{ pointer: '/url' }] }, url);
  }
  const { status, body } = await register('https://hooks.example.org/', owner);
  t.is(status, 201);
  // A name that was public when it was stored can lead to a private address later.
  await database.query(`update webhook set url = '${byName}'`);
  const at = `${api}/webhooks/${String(body['id'])}`;
  t.is((await call(`${at}/test`, { method: 'POST', headers: owner })).status, 202);
  const line = await service.logged(({ message }) => message === 'a webhook was not delivered');
  t.like(line, { code: 'external_api_unavailable', outcome: 'dead' });
  const { body: list } = await call(`${at}/deliveries`, { headers: cookie });
  t.like(list['data'], [{ type: 'webhook.test', state: 'dead', status: null, outcome: 'dead' }]);
  t.is(receiver.connections(), 0);
});
