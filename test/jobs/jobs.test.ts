import { setTimeout as sleep } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { propagation } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import test from 'ava';
import type { JobHandlers } from '#src/jobs/jobs.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { jobQueues } from '#src/kernel/ports/jobs.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';
import { captureSpans } from '#testkit/spans.ts';
import { idle, setup } from './setup.ts';

propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const operation = 'refresh.record';

test('a job is committed together with its change, and each key has at most one job', async (t) => {
  const { admin, database, make, metrics } = await setup(t, { worker: false });
  const jobs = make();
  const enqueue = (key: string, fail = false): Promise<boolean> =>
    database.unitOfWork.run({ operation }, async (transaction) => {
      await transaction.query('insert into effect default values');
      const enqueued = await jobs.enqueue(transaction, 'refresh', { key, data: { universe: key } });
      if (fail) throw new AppError('database_conflict');
      return enqueued;
    });
  await t.throwsAsync(enqueue('tech5'), { code: 'database_unavailable' }, 'before the queues are open');
  t.deepEqual(await jobs.healthCheck.check(AbortSignal.timeout(100)), {
    status: 'down',
    detail: 'the queues are not open',
  });
  await jobs.start(idle);
  t.like(await jobs.healthCheck.check(AbortSignal.timeout(100)), { status: 'up' });
  const count = async (): Promise<unknown> =>
    (
      await admin.query(`select (select count(*)::int from effect) as effects, count(*)::int as jobs from pgboss.job`)
    )[0];

  t.is(await enqueue('tech5', true).catch(codeOf), 'database_conflict');
  t.deepEqual(await count(), { effects: 0, jobs: 0 });
  t.true(await enqueue('tech5'));
  t.deepEqual(await count(), { effects: 1, jobs: 1 });
  t.false(await enqueue('tech5'));
  t.true(await enqueue('sp500'));
  await jobs.collect();
  t.is(metrics.value('volwatch_jobs_queue_size', { queue: 'refresh', state: 'waiting' }), 2);
  t.is(metrics.value('volwatch_jobs_queue_size', { queue: 'refresh', state: 'active' }), 0);
});

test.serial(
  'a job runs in the trace that enqueued it, is retried with a delay, and fails after the last retry',
  async (t) => {
    const spans = captureSpans(t);
    const { admin, database, make, metrics } = await setup(t);
    const jobs = make();
    const attempts: number[] = [];
    let received: unknown;
    await jobs.start({
      ...idle,
      refresh: async (data) => {
        received = data;
        attempts.push(performance.now());
        throw new AppError('external_api_timeout', 'canary: not to be stored');
      },
    });
    const parent = trace.getTracer('test').startSpan('caller');
    await context.with(trace.setSpan(context.active(), parent), () =>
      database.unitOfWork.run({ operation }, (transaction) =>
        jobs.enqueue(transaction, 'refresh', { key: 'tech5', data: { universe: 'tech5' } }),
      ),
    );
    parent.end();
    await eventually(
      () => metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'dead' }) === 1,
      'the job fails after its retries',
    );
    t.is(attempts.length, 3);
    t.true(attempts[1]! - attempts[0]! >= 900, 'the retry has a delay');
    t.is(metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'failed' }), 2);
    t.deepEqual(received, { universe: 'tech5' });
    const jobSpans = spans.named('job refresh');
    t.is(jobSpans.length, 3);
    for (const span of jobSpans) {
      t.is(span.spanContext().traceId, parent.spanContext().traceId);
      t.is(span.attributes['error.type'], 'external_api_timeout');
    }
    await eventually(
      async () => (await admin.query(`select 1 from pgboss.job where name = 'dead'`)).length === 1,
      'the job is in the dead letter queue',
    );
    const stored = JSON.stringify(await admin.query('select output, data from pgboss.job'));
    t.false(stored.includes('canary'));
    t.true(stored.includes('external_api_timeout'));
  },
);

test('jobs are distributed over workers, and close waits for the running job and leaves the others', async (t) => {
  const { database, make, metrics } = await setup(t);
  const [first, second] = [make({ concurrency: 1 }), make({ concurrency: 1 })];
  const jobsByWorker = new Map<string, string[]>();
  const handlers = (name: string): JobHandlers => ({
    ...idle,
    refresh: async ({ universe = '' }) => {
      jobsByWorker.set(name, [...(jobsByWorker.get(name) ?? []), universe]);
      // The duration of the job.
      await sleep(600);
    },
  });
  await first.start(handlers('first'));
  await second.start(handlers('second'));
  const keys = ['a', 'b', 'c', 'd', 'e'];
  await database.unitOfWork.run({ operation }, async (transaction) => {
    for (const key of keys) await second.enqueue(transaction, 'refresh', { key, data: { universe: key } });
  });
  await eventually(() => jobsByWorker.has('first') && jobsByWorker.has('second'), 'both workers run jobs');
  await first.close({ graceMs: 5_000 });
  const succeeded = (): number => metrics.value('volwatch_jobs_total', { outcome: 'ok' });
  t.true(succeeded() >= 1, 'the running job ended before the close');
  await eventually(() => succeeded() === keys.length, 'all jobs succeed');
  t.deepEqual([...jobsByWorker.values()].flat().sort(), keys, 'each job runs once');
});

test('after a job a worker takes the next one without waiting for a poll', async (t) => {
  const { database, make } = await setup(t, { pollMs: 600_000, concurrency: 1 });
  const [waiting, done] = [make({ worker: false }), [] as object[]];
  await waiting.start(idle);
  await database.unitOfWork.run({ operation }, async (transaction) => {
    for (const key of 'abcdefgh') await waiting.enqueue(transaction, 'refresh', { key, data: {} });
  });
  await make().start({ ...idle, refresh: async (data) => void done.push(data) });
  await eventually(() => done.length === 8, 'all jobs are done');
  t.is(done.length, 8);
});

test('with oneJobPerGroup a slow group does not block the other groups', async (t) => {
  const { database, make } = await setup(t);
  const jobs = make({ queues: { refresh: { concurrency: 2, oneJobPerGroup: true } } });
  const running = new Map<string, number>();
  const maxRunning = new Map<string, number>();
  const done: string[] = [];
  await jobs.start({
    ...idle,
    refresh: async ({ group = '', slow }) => {
      const now = (running.get(group) ?? 0) + 1;
      running.set(group, now);
      maxRunning.set(group, Math.max(now, maxRunning.get(group) ?? 0));
      // The duration of the job.
      await sleep(slow ? 1_500 : 10);
      running.set(group, now - 1);
      done.push(group);
    },
  });
  await database.unitOfWork.run({ operation }, async (transaction) => {
    const add = (key: string, group: string, slow: object) =>
      jobs.enqueue(transaction, 'refresh', { key, group, data: { group, ...slow } });
    for (const key of ['a', 'b', 'c']) await add(key, 'slow', { slow: 'true' });
    for (const key of ['d', 'e']) await add(key, 'quick', {});
  });
  await eventually(() => done.length === 5, 'all jobs end');
  t.is(maxRunning.get('slow'), 1);
  t.deepEqual(done.slice(0, 2), ['quick', 'quick']);
});

test('start stores the configured schedules and removes the others', async (t) => {
  const { admin, make } = await setup(t);
  const schedule = (key: string, cron: string) => ({ queue: 'refresh', key, cron, data: { universe: key } }) as const;
  await make({ schedules: [schedule('tech5', '0 5 * * *'), schedule('sp500', '0 6 * * *')] }).start(idle);
  await make({ schedules: [schedule('tech5', '15 5 * * *')] }).start(idle);
  t.deepEqual(await admin.query('select name, key, cron, timezone from pgboss.schedule'), [
    { name: 'refresh', key: 'tech5', cron: '15 5 * * *', timezone: 'UTC' },
  ]);
});

test('two workers run a schedule of each minute once', async (t) => {
  const { admin, database, make } = await setup(t);
  const runs: string[] = [];
  const handlers: JobHandlers = { ...idle, refresh: async ({ universe = '' }) => void runs.push(universe) };
  const workers = [make({ scheduledByData: ['refresh'] }), make({ scheduledByData: ['refresh'] })];
  for (const worker of workers) await worker.start(handlers);
  await database.unitOfWork.run({ operation }, (transaction) =>
    workers[0]!.schedule(transaction, {
      queue: 'refresh',
      key: 'desk',
      cron: '* * * * *',
      timeZone: 'Asia/Tokyo',
      data: { universe: 'desk', trigger: 'schedule' },
    }),
  );
  await eventually(() => runs.length > 0, 'the schedule runs', 100_000);
  // A second run of the same minute may not happen, so there is no condition to wait for.
  await sleep(3_000);
  // Each run is of another minute. A run that both workers had enqueued would make two of one minute.
  const rows = await admin.query(
    `select date_trunc('minute', created_on) as minute from pgboss.job where name = 'refresh'`,
  );
  t.is(new Set(rows.map(({ minute }) => String(minute))).size, rows.length);
  t.is(runs.length, rows.length);
});

test('processes that start at the same time on an empty database all open their queues', async (t) => {
  const { admin, database, make } = await setup(t, { worker: false });
  await Promise.all(Array.from({ length: 6 }, () => make().start(idle)));
  t.is((await admin.query('select 1 from pgboss.queue')).length, jobQueues.length + 1);
  // The queries would fail on a pooled connection that is still in a failed transaction.
  for (let read = 0; read < 20; read += 1) t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }]);
});

test('a job that runs longer than the grace of close is aborted, and another worker runs it', async (t) => {
  const { database, make, metrics } = await setup(t);
  const [first, second] = [make({ concurrency: 1 }), make({ concurrency: 1 })];
  const jobStarted = Promise.withResolvers<void>();
  await first.start({
    ...idle,
    refresh: async (_data, signal) => {
      jobStarted.resolve();
      // A job that ends only by its signal.
      await sleep(60_000, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    },
  });
  await database.unitOfWork.run({ operation }, (transaction) =>
    first.enqueue(transaction, 'refresh', { key: 'tech5', data: {} }),
  );
  await jobStarted.promise;
  const closedAt = performance.now();
  await first.close({ graceMs: 300 });
  t.true(performance.now() - closedAt < 4_000);
  t.is(metrics.value('volwatch_jobs_total', { outcome: 'failed' }), 1);
  await second.start(idle);
  await eventually(
    () => metrics.value('volwatch_jobs_total', { outcome: 'ok' }) === 1,
    'the second worker runs the job',
  );
});

test('statements that fail show in the log, the health and the metric, and the queues go on', async (t) => {
  const codes: unknown[] = [];
  const warn = ({ code }: { readonly code?: unknown }): void => void codes.push(code);
  const { admin, make, metrics } = await setup(t, { logger: { ...silentLogger, warn } });
  const jobs = make();
  const isUp = async (): Promise<boolean> => {
    await jobs.collect().catch(() => {});
    return metrics.value('volwatch_jobs_up') === 1;
  };
  t.false(await isUp(), 'before the queues are open');
  await jobs.start(idle);
  t.true(await isUp());
  await admin.query('alter schema pgboss rename to pgboss_away');
  await eventually(async () => !(await isUp()), 'the failure shows');
  t.like(await jobs.healthCheck.check(AbortSignal.timeout(100)), { status: 'degraded' });
  t.is(codes[0], 'database_schema_outdated');
  await admin.query('alter schema pgboss_away rename to pgboss');
  await eventually(isUp, 'the queues work again', 20_000);
});
