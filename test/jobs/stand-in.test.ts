import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Database } from '#src/database/index.ts';
import type { JobEnqueuer, PutBack } from '#src/kernel/ports/jobs.ts';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

type Change = { readonly universe?: string; readonly beforeEnd?: () => Promise<void> };

/** Enqueues the job of a change, for which one of its universe can stand in. */
const changesOf =
  ({ unitOfWork }: Pick<Database, 'unitOfWork'>, jobs: JobEnqueuer) =>
  (change: string, { universe = 'two', beforeEnd }: Change = {}): Promise<boolean> =>
    unitOfWork.run({ operation: 'refresh.apply' }, async (transaction) => {
      const standIn = `${universe} `;
      const isAdded = await jobs.enqueue(transaction, 'refresh', { key: standIn + change, data: { change }, standIn });
      await beforeEnd?.();
      return isAdded;
    });

test('a waiting job stands in for later ones, but not one that runs', async (t) => {
  const { database, admin, make } = await setup(t, { concurrency: 1, pollMs: 500 });
  const client = make({ worker: false });
  await client.start(idle);
  const enqueue = changesOf(database, client);
  const waiting = async (): Promise<number> =>
    (await admin.query(`select 1 from pgboss.job where name = 'refresh' and state < 'active'`)).length;

  const added: boolean[] = [];
  for (let change = 0; change < 100; change += 1) added.push(await enqueue(String(change)));
  t.deepEqual(added.filter(Boolean), [true], 'the first one stands in for 99');
  t.true(
    await enqueue('other', { universe: 'twofold' }),
    'a universe whose name begins with the other one has a job of its own',
  );
  t.is(await waiting(), 2);

  const gate = Promise.withResolvers<void>();
  const ran: string[] = [];
  const run = async ({ change }: { readonly change?: string }): Promise<void> => {
    ran.push(change!);
    await gate.promise;
  };
  await make().start({ ...idle, refresh: run });
  await eventually(() => ran.length === 1, 'the first job runs');
  t.true(await enqueue('later'), 'a job that runs may have read the prices before the change');
  t.false(await enqueue('latest'));
  gate.resolve();
  await eventually(() => ran.length === 3, 'all jobs ran');
  t.deepEqual(ran, ['0', 'other', 'later']);
});

test('a job that has failed stands in for no later one, which has all attempts and replaces it', async (t) => {
  const { admin, database, metrics, make } = await setup(t, {
    concurrency: 1,
    pollMs: 500,
    retries: 1,
    retryDelaySeconds: 60,
  });
  const jobs = make();
  const ran: string[] = [];
  await jobs.start({
    ...idle,
    refresh: async ({ change }) => {
      ran.push(change!);
      if (change === 'first') throw new AppError('database_timeout');
    },
  });
  const enqueue = changesOf(database, jobs);
  t.true(await enqueue('first'));
  const retries = () => admin.query(`select 1 from pgboss.job where name = 'refresh' and state = 'retry'`);
  await eventually(async () => (await retries()).length === 1, 'the first attempt has failed');
  t.true(await enqueue('second'));
  const live = () => admin.query(`select 1 from pgboss.job where name = 'refresh' and state <= 'active'`);
  await eventually(async () => (await live()).length === 0, 'no retry of the first one waits');
  t.deepEqual(ran, ['first', 'second']);
  t.is(metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'replaced' }), 1);
  t.is(metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'dead' }), 0);
});

test('a job that was put back comes after those that were added while it waited', async (t) => {
  const { database, make } = await setup(t, { concurrency: 1, pollMs: 500 });
  const client = make({ worker: false });
  await client.start(idle);
  const enqueue = (key: string, isFirst = false): Promise<boolean> =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) =>
      client.enqueue(transaction, 'refresh', { key, data: { key }, isFirst }),
    );
  for (const number of [1, 2, 3, 4]) await enqueue(`busy${number}`, number === 1);
  const ran: string[] = [];
  await make().start({
    ...idle,
    refresh: async ({ key = '' }): Promise<PutBack | void> => {
      ran.push(key);
      if (ran.length === 4) for (const number of [1, 2, 3, 4]) await enqueue(`other${number}`);
      // All are due again at the next poll, so they would take the worker each time.
      if (key.startsWith('busy')) return { putBackSeconds: 0.1, rests: true };
    },
  });
  await eventually(() => ran.filter((key) => key.startsWith('other')).length === 4, 'the jobs of others run', 30_000);
  t.true(ran.findLastIndex((key) => key.startsWith('other')) < 12, ran.join());
});

test('failures of changes leave one job that waits, and a job that is put back ends when a later one waits', async (t) => {
  const { admin, database, metrics, make } = await setup(t, {
    concurrency: 1,
    pollMs: 500,
    retries: 3,
    retryDelaySeconds: 60,
  });
  const jobs = make();
  const ran: string[] = [];
  const enqueue = changesOf(database, jobs);
  await jobs.start({
    ...idle,
    refresh: async ({ change = '' }): Promise<PutBack | void> => {
      ran.push(change);
      if (change === 'busy' || change === 'failing with another') await enqueue(`after ${change}`);
      if (change === 'busy') return { putBackSeconds: 60 };
      if (change.startsWith('failing')) throw new AppError('database_timeout');
    },
  });
  const live = async (): Promise<unknown[]> =>
    (await admin.query(`select singleton_key as key from pgboss.job where name = 'refresh' and state <= 'active'`)).map(
      ({ key }) => key,
    );
  for (const change of ['failing 1', 'failing 2', 'failing 3']) {
    t.true(await enqueue(change));
    const failed = [`two ${change}`];
    await eventually(async () => {
      const rows = await admin.query(
        `select singleton_key as key from pgboss.job where name = 'refresh' and state = 'retry'`,
      );
      return rows.some(({ key }) => key === failed[0]);
    }, `${change} waits for its retry`);
    t.deepEqual(await live(), failed, 'the failed job of the change before is removed');
  }
  t.true(await enqueue('busy'));
  await eventually(() => ran.includes('after busy'), 'the later job runs');
  t.true(await enqueue('failing with another'));
  await eventually(async () => ran.includes('after failing with another') && (await live()).length === 0, 'none waits');
  // The first three, each by the job of the next change, and one that failed while a later one waited.
  t.is(metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'replaced' }), 4);
  t.is(metrics.value('volwatch_jobs_total', { queue: 'refresh', outcome: 'failed' }), 4);
});

test('a job that stands in does not begin before the end of the transaction', async (t) => {
  const { database, make } = await setup(t, { concurrency: 1, pollMs: 500 });
  const jobs = make({ worker: false });
  await jobs.start(idle);
  const enqueue = changesOf(database, jobs);
  t.true(await enqueue('first'));
  const isHeld = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const beforeEnd = (): Promise<void> => {
    isHeld.resolve();
    return gate.promise;
  };
  const second = enqueue('second', { beforeEnd });
  await isHeld.promise;
  await database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) =>
    jobs.enqueue(transaction, 'refresh', { key: 'last', data: { change: 'last' } }),
  );
  const ran: string[] = [];
  await make().start({ ...idle, refresh: async ({ change }) => void ran.push(change!) });
  await eventually(() => ran.length === 1, 'the worker takes another job');
  t.deepEqual(ran, ['last'], 'the one that stands in is skipped');
  gate.resolve();
  t.false(await second);
  await eventually(() => ran.length === 2, 'the job runs after the commit');
  t.deepEqual(ran, ['last', 'first']);
});
