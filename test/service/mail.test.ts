import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { call, dependencyStatus, json, serve } from '#testkit/running-service.ts';

const user = { email: 'mailbox@example.org', password: 'a rather long sentence' };
const next = 'a different long sentence';

type Message = { readonly to: string; readonly subject: string; readonly text: string };

test('without SMTP_URL messages are in the mailbox of the admin port, and the log has no token', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, ACCOUNT_PAGE_URL: 'https://app.example/account' });
  await service.ready();
  const api = `${service.url}/api/v1`;
  t.is((await call(`${api}/auth/register`, json(user))).status, 202);
  const mailbox = async (): Promise<Message[]> =>
    (await call(`${service.adminUrl}/dev/mailbox`)).body['data'] as Message[];
  t.is((await call(`${api}/account/password-reset`, json({ email: user.email }))).status, 202);
  const isReset = ({ subject }: Message): boolean => subject === 'Reset your password';
  await eventually(async () => (await mailbox()).some(isReset), 'the message is in the mailbox', 20_000);
  const message = (await mailbox()).find(isReset)!;
  t.is(message.to, user.email);
  const [, token = ''] = /^https:\/\/app\.example\/account#password-reset=(vwm_[\w-]{43})$/m.exec(message.text) ?? [];
  const reset = await call(`${api}/account/password-reset`, { ...json({ token, new_password: next }), method: 'PUT' });
  t.is(reset.status, 204);
  t.is((await call(`${api}/auth/login`, json({ ...user, password: next }))).status, 200);
  const log = JSON.stringify(service.log);
  t.true(log.includes('a message waits'));
  t.false(log.includes(token));
  t.false(log.includes(user.email));
});

test('in production without SMTP_URL the reset is refused, and there is no mailbox', async (t) => {
  const database = await setupDatabase(t);
  const redis = await startRedisServer(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: 'false',
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
  });
  await service.ready();
  const refused = await call(`${service.url}/api/v1/account/password-reset`, json({ email: user.email }));
  t.is(refused.status, 404);
  t.like(refused.body, { code: 'mail_not_configured', category: 'not_found' });
  t.is((await call(`${service.adminUrl}/dev/mailbox`)).status, 404);
  t.is((await database.query('select 1 from mail_message')).length, 0);
});

test('in production a dead SMTP server delays no request and shows in /health', async (t) => {
  const database = await setupDatabase(t);
  const redis = await startRedisServer(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: 'false',
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    SMTP_URL: 'smtp://127.0.0.1:9',
    MAIL_FROM: 'volwatch@example.org',
    JOBS_POLL_MS: '500',
  });
  await service.ready();
  const api = `${service.url}/api/v1`;
  await call(`${api}/auth/register`, json(user));
  t.is((await call(`${api}/account/password-reset`, json({ email: user.email }))).status, 202);
  await service.logged(({ message, code }) => message === 'a message was not sent' && code !== undefined);
  await eventually(async () => (await dependencyStatus(service, 'smtp')) === 'degraded', 'smtp is degraded');
  t.is(await dependencyStatus(service, 'postgres'), 'up');
  t.is((await call(`${service.url}/health/ready`)).status, 200);
});

test('what the queues of messages and events have lost is looked for each five minutes', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started');
  const stored = `select name, key, cron, data from pgboss.schedule where cron = '*/5 * * * *' order by key`;
  await eventually(async () => (await database.query(stored)).length === 3, 'all are scheduled', 20_000);
  // No worker of the previous release takes a job of a queue that it does not have.
  t.deepEqual(await database.query(stored), [
    { name: 'lost_jobs', key: 'mail', cron: '*/5 * * * *', data: { of: 'mail' } },
    { name: 'lost_jobs', key: 'pricing', cron: '*/5 * * * *', data: { of: 'pricing' } },
    { name: 'lost_jobs', key: 'webhooks', cron: '*/5 * * * *', data: { of: 'webhooks' } },
  ]);
  const id = '018f0000-0000-7000-8000-00000000000a';
  await database.query(
    `insert into webhook_event (id, type, body, occurred_at) values ('${id}', 'refresh.succeeded', '{}', now())`,
  );
  await database.query(
    `insert into mail_message (id, kind, recipient, state, created_at) values ('${id}', 'password_reset', 'nobody@example.org', 'waiting', now())`,
  );
  for (const kind of ['mail', 'webhooks']) {
    await database.query(
      `insert into pgboss.job (name, data, policy, singleton_key) values ('lost_jobs', '{"of": "${kind}"}', 'exclusive', '${kind}')`,
    );
  }
  await service.logged(({ message }) => message === 'messages without a job are enqueued again');
  await service.logged(({ message }) => message === 'events and deliveries without a job are enqueued again');
  const left = `select (select count(*) from webhook_event where fanned_out_at is null)::int as events,
    (select count(*) from mail_message where state = 'waiting')::int as messages`;
  await eventually(
    async () => JSON.stringify(await database.query(left)) === '[{"events":0,"messages":0}]',
    'both are handled',
    20_000,
  );
});
