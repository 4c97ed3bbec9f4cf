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
  const stored = `select name, cron from pgboss.schedule where key = 'resume' order by name`;
  await eventually(async () => (await database.query(stored)).length === 2, 'both are scheduled', 20_000);
  t.deepEqual(await database.query(stored), [
    { name: 'mail', cron: '*/5 * * * *' },
    { name: 'webhook_event', cron: '*/5 * * * *' },
  ]);
});
