import test from 'ava';
import type { JobData } from '#src/kernel/ports/jobs.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

const jobsOf = (keys: string) => keys.split(' ').map((key) => ({ key, group: key[0]!, data: { key } }));

test('jobs of several groups are added with three statements, and their groups take turns', async (t) => {
  const { database, make } = await setup(t, { queues: { refresh: { concurrency: 1, oneJobPerGroup: true } } });
  const client = make({ worker: false });
  await client.start(idle);
  const statements: string[] = [];
  const counting = (transaction: Transaction): Transaction => {
    const query = ((text: string, parameters?: readonly unknown[]) => {
      statements.push(text);
      return transaction.query(text, parameters);
    }) as Query;
    return { ...transaction, query };
  };
  const add = (keys: string): Promise<number> =>
    database.unitOfWork.run({ operation: 'refresh.record' }, (transaction) =>
      client.enqueueAll(counting(transaction), 'refresh', jobsOf(keys)),
    );
  t.is(await add('a1 a2 a3 a4 b1 c1'), 6);
  t.is(statements.length, 3);
  t.is(await add('a1 b1 b2'), 1);
  await database.unitOfWork.run({ operation: 'refresh.record' }, (transaction) =>
    client.enqueue(transaction, 'refresh', { key: 'd1', group: 'd', data: { key: 'd1' } }),
  );
  const done: string[] = [];
  await make().start({ ...idle, refresh: async ({ key }: JobData) => void done.push(key!) });
  await eventually(() => done.length === 8, 'all jobs are done');
  t.deepEqual(done.slice(0, 4).toSorted(), ['a1', 'b1', 'c1', 'd1']);
  t.deepEqual(done.slice(4), ['a2', 'b2', 'a3', 'a4']);
});

test('two transactions with jobs of the same groups do not lock each other out', async (t) => {
  const { database, admin, make } = await setup(t);
  const client = make({ worker: false });
  await client.start(idle);
  // A deadlock would be repeated otherwise.
  const options = { operation: 'refresh.record', mayRepeat: false } as const;
  const add = (keys: readonly string[]): Promise<number> =>
    database.unitOfWork.run(options, (transaction) =>
      client.enqueueAll(transaction, 'refresh', jobsOf(keys.join(' '))),
    );
  const letters = 'abcdefghijklmnop'.split('');
  for (let round = 0; round < 10; round += 1) {
    const [some, others] = [letters.map((each) => `${each}${round}`), letters.map((each) => `${each}x${round}`)];
    await Promise.all([add(some), add(others.toReversed())]);
  }
  t.is((await admin.query(`select 1 from pgboss.job where name = 'refresh'`)).length, 320);
});
