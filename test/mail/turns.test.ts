import test, { type ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { createJobs } from '#src/jobs/jobs.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { jobQueues } from '#src/kernel/ports/jobs.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { createMailDelivery } from '#src/mail/delivery.ts';
import { mailEntities } from '#src/mail/entities.ts';
import { createMailLimits } from '#src/mail/mail-limits.ts';
import { createOutbox } from '#src/mail/outbox.ts';
import { createSmtp } from '#src/mail/smtp.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startSmtpServer } from '#testkit/servers/smtp-server.ts';

const timeoutMs = 2_000;
const resetMs = 3_000;
const stranger = '192.0.2.1';
const owner = '198.51.100.1';

/** The outbox, the queue and the delivery as in service, with two places and a real SMTP server. */
const setup = async (t: ExecutionContext) => {
  const server = await startSmtpServer(t);
  const stored = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(stored.url), entities: mailEntities });
  const { unitOfWork, reader, execute } = database;
  const metrics = recordMetrics();
  const jobs = createJobs({
    execute,
    worker: true,
    schedules: [],
    concurrency: 2,
    pollMs: 500,
    // The first attempt of a message is its last one.
    retries: 0,
    retryDelaySeconds: 1,
    heartbeatSeconds: 10,
    queues: { mail: { oneJobPerGroup: true } },
    metrics,
    logger,
  });
  t.teardown(async () => {
    await jobs.close({ graceMs: 0 });
    await database.close();
  });
  const policy = createPolicy({
    dependency: 'smtp',
    attemptTimeoutMs: timeoutMs + 1_000,
    retries: 0,
    breaker: { failures: 2, resetMs },
    bulkhead: { concurrent: 2, waiting: 0 },
    clock,
    metrics,
    logger,
  });
  const smtp = createSmtp({ url: server.url, from: 'v@example.org', requireTls: false, timeoutMs, policy, clock });
  const limits = createMailLimits({
    clock,
    metrics,
    abuse: noAbuseReport,
    networkKey: Buffer.from('networks'),
    maxPerRecipient: 100,
    tokenSeconds: {},
    maxPerAccount: 100,
    maxPerNetwork: 100,
    maxWaiting: 1_000,
  });
  const outbox = createOutbox({
    isConfigured: true,
    unitOfWork,
    reader,
    jobs,
    clock,
    ids: uuidv7,
    metrics,
    logger,
    limits,
  });
  const deliver = createMailDelivery({
    unitOfWork,
    reader,
    write: async () => ({ subject: 'subject', text: 'text' }),
    ...smtp,
    clock,
    metrics,
    logger,
  });
  const nothing = Object.fromEntries(jobQueues.map((queue) => [queue, async () => {}])) as never;
  const fromNetwork = <T>(clientIp: string, work: () => Promise<T>): Promise<T> => {
    const signal = new AbortController().signal;
    return runInRequest({ requestId: 'r', traceId: 't', clientIp, signal, timings: {} }, work);
  };
  return {
    server,
    metrics,
    policy,
    start: () => jobs.start({ ...(nothing as object), mail: deliver } as never),
    ask: (recipient: string, from: string) =>
      fromNetwork(from, () =>
        unitOfWork.run({ operation: 'account.password' }, (transaction) =>
          outbox.request(transaction, { kind: 'password_reset', recipient }),
        ),
      ),
    notice: (recipient: string, from: string) =>
      fromNetwork(from, () =>
        unitOfWork.run({ operation: 'account.password' }, (transaction) =>
          outbox.notify(transaction, { kind: 'password_changed', recipient, userId: uuidv7() }),
        ),
      ),
    reached: (recipient: string) => server.received.some(({ to }) => to.includes(recipient)),
    states: async () =>
      (await stored.query('select recipient, state, attempts from mail_message order by id')).map(
        ({ recipient, state, attempts }) => `${String(recipient)} ${String(state)} ${String(attempts)}`,
      ),
  };
};

test('recipients that the server answers late keep one place, and open no circuit', async (t) => {
  const { server, metrics, policy, start, ask, notice, reached } = await setup(t);
  server.hangingDomain = 'slow.example';
  await start();
  for (let number = 0; number < 6; number += 1) await ask(`somebody-${number}@slow.example`, stranger);
  await eventually(() => server.hanging === 1, 'the first message hangs');
  await ask('ada@example.org', owner);
  // A notice is not behind the messages that its network asked for.
  await notice('bob@example.org', stranger);
  await eventually(() => reached('ada@example.org') && reached('bob@example.org'), 'the others are delivered', 4_000);
  t.true(server.hanging <= 3, 'they did not wait for the six messages');
  await eventually(() => server.hanging === 6, 'each of the six is tried', 30_000);
  await eventually(
    () =>
      metrics.value('volwatch_dependency_request_duration_seconds', { dependency: 'smtp', outcome: 'timeout' }) === 6,
    'the timeouts are measured',
    10_000,
  );
  t.is(policy.state(), 'closed');
  await ask('grace@example.org', owner);
  await eventually(() => reached('grace@example.org'), 'a later message is delivered', 10_000);
});

test('an open circuit costs a message no attempt, and it is delivered when the server is back', async (t) => {
  const { server, metrics, policy, start, ask, states } = await setup(t);
  await start();
  await server.stop();
  for (const number of [1, 2]) await ask(`lost-${number}@example.org`, `192.0.2.${number}`);
  await eventually(() => policy.state() === 'open', 'two refused connections open the circuit', 10_000);
  await ask('ada@example.org', owner);
  const putBacks = () => metrics.value('volwatch_jobs_total', { queue: 'mail', outcome: 'put_back' });
  await eventually(() => putBacks() > 0, 'the message is put back');
  t.is((await states()).at(-1), 'ada@example.org waiting 0');
  const again = await startSmtpServer(t, { port: server.port });
  const isSent = async () => (await states()).at(-1) === 'ada@example.org sent 1';
  await eventually(isSent, 'its only attempt succeeds', 20_000);
  t.is(again.received.length, 1);
});
