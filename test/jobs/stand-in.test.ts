import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

test('a waiting job stands in for later ones, but not one that runs', async (t) => {
  const { database, admin, make } = await setup(t, { concurrency: 1, pollMs: 500 });
  const client = make({ worker: false });
  await client.start(idle);
  const enqueue = (change: string, universe = 'two'): Promise<boolean> =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) => {
      const standIn = `${universe} `;
      return client.enqueue(transaction, 'refresh', { key: standIn + change, data: { change }, standIn });
    });
  const waiting = async (): Promise<number> =>
    (await admin.query(`select 1 from pgboss.job where name = 'refresh' and state < 'active'`)).length;

  const added: boolean[] = [];
  for (let change = 0; change < 100; change += 1) added.push(await enqueue(String(change)));
  t.deepEqual(added.filter(Boolean), [true], 'the first one stands in for 99');
  t.true(await enqueue('other', 'twofold'), 'a universe whose name begins with the other one has a job of its own');
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

test('a job that has failed stands in for no later one, so that each change has all attempts', async (t) => {
  const { database, make } = await setup(t, { concurrency: 1, pollMs: 500, retries: 1, retryDelaySeconds: 1 });
  const jobs = make();
  const ran: string[] = [];
  await jobs.start({
    ...idle,
    refresh: async ({ change }) => {
      ran.push(change!);
      if (change === 'first') throw new AppError('database_timeout');
    },
  });
  const enqueue = (change: string): Promise<boolean> =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) =>
      jobs.enqueue(transaction, 'refresh', { key: `two ${change}`, data: { change }, standIn: 'two ' }),
    );
  t.true(await enqueue('first'));
  await eventually(() => ran.length === 1, 'the first attempt has failed');
  t.true(await enqueue('second'));
  await eventually(() => ran.length === 3, 'both ran, and the first one was given up');
  t.deepEqual(ran.toSorted(), ['first', 'first', 'second']);
});

test('a job that stands in does not begin before the end of the transaction', async (t) => {
  const { database, make } = await setup(t, { concurrency: 1, pollMs: 500 });
  const jobs = make({ worker: false });
  await jobs.start(idle);
  const enqueue = (change: string, beforeEnd: () => Promise<void> = async () => {}): Promise<boolean> =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, async (transaction) => {
      const job = { key: `two ${change}`, data: { change }, standIn: 'two ' };
      const isAdded = await jobs.enqueue(transaction, 'refresh', job);
      await beforeEnd();
      return isAdded;
    });
  t.true(await enqueue('first'));
  const isHeld = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const second = enqueue('second', () => {
    isHeld.resolve();
    return gate.promise;
  });
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
