import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

test('ended jobs stay for an hour, also in queues of an earlier release', async (t) => {
  const { admin, database, make } = await setup(t);
  const first = make();
  await first.start(idle);
  await first.close({ graceMs: 0 });
  await admin.query('update pgboss.queue set deletion_seconds = 604800');
  const jobs = make();
  await jobs.start(idle);
  await database.unitOfWork.run({ operation: 'refresh.record' }, (transaction) =>
    jobs.enqueue(transaction, 'refresh', { key: 'a', data: {} }),
  );
  const ended = (): Promise<Record<string, unknown>[]> =>
    admin.query(`select deletion_seconds from pgboss.job where name = 'refresh' and state = 'completed'`);
  await eventually(async () => (await ended()).length === 1, 'the job has ended');
  t.deepEqual(await ended(), [{ deletion_seconds: 3_600 }]);
});

test('jobs that were given up stay for three days, also in a queue of an earlier release', async (t) => {
  const { admin, database, make } = await setup(t, { retries: 0 });
  const first = make();
  await first.start(idle);
  await first.close({ graceMs: 0 });
  const kept = (): Promise<Record<string, unknown>[]> =>
    admin.query(`select retention_seconds from pgboss.queue where name = 'dead'`);
  t.deepEqual(await kept(), [{ retention_seconds: 259_200 }]);
  await admin.query(`update pgboss.queue set retention_seconds = 1209600 where name = 'dead'`);
  const jobs = make();
  await jobs.start({ ...idle, refresh: async () => Promise.reject(new Error('a fault')) });
  await database.unitOfWork.run({ operation: 'refresh.record' }, (transaction) =>
    jobs.enqueue(transaction, 'refresh', { key: 'a', data: {} }),
  );
  const dead = (): Promise<Record<string, unknown>[]> =>
    admin.query(
      `select extract(epoch from keep_until - created_on)::int as seconds from pgboss.job where name = 'dead'`,
    );
  await eventually(async () => (await dead()).length === 1, 'the job is given up');
  t.deepEqual(await dead(), [{ seconds: 259_200 }]);
});
