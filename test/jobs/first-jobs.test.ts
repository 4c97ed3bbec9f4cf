import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

test('a job that is first comes before those that wait', async (t) => {
  const { database, make } = await setup(t, { concurrency: 1 });
  const client = make({ worker: false });
  await client.start(idle);
  for (const key of ['one', 'two', 'urgent']) {
    await database.unitOfWork.run({ operation: 'calendar.connection' }, (transaction) =>
      client.enqueue(transaction, 'calendar', { key, data: { key }, isFirst: key === 'urgent' }),
    );
  }
  const order: string[] = [];
  await make().start({ ...idle, calendar: async ({ key }) => void order.push(key!) });
  await eventually(() => order.length === 3, 'all jobs ran');
  t.deepEqual(order, ['urgent', 'one', 'two']);
});
