import test from 'ava';
import { live, outcome, owner, setup, reading } from './setup.ts';

const bytes = Buffer.from('abc');

test('a chunk whose job was given up is enqueued again once, and fails the second time, so its job is completed', async (t) => {
  const { pricing, queued, hooks, groups, networks, lines, admin } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, bytes);
  await pricing.submit(owner, id);
  await pricing.resume();
  t.is(queued.length, 1, 'a chunk with a job is left as it is');

  queued.splice(0);
  hooks.isLost = true;
  await pricing.resume();
  t.deepEqual(queued.splice(0), [{ job_id: id, number: '1' }]);
  t.deepEqual(groups, [owner, owner]);
  t.deepEqual(networks, ['network', 'network']);
  t.like(await pricing.find(owner, id), { status: 'running' });

  await pricing.resume();
  t.is(queued.length, 0);
  t.like(await pricing.find(owner, id), { status: 'completed', chunks: { total: 1, done: 0, failed: 1 } });
  t.is(await outcome(pricing.result(owner, id, 1)), 'internal_error');
  t.deepEqual(await admin.query('select stored_bytes, input from pricing_chunk'), [{ stored_bytes: 0, input: null }]);
  t.deepEqual(lines, [
    { message: 'chunks of pricing jobs without a job of the queue are enqueued again', chunks: 1 },
    { message: 'chunks of pricing jobs failed, because their job was given up twice', chunks: 1 },
  ]);
});

test('a chunk that was enqueued again is priced as any other', async (t) => {
  const { pricing, queued, hooks, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, bytes);
  queued.splice(0);
  hooks.isLost = true;
  await pricing.resume();
  await work();
  await pricing.resume();
  t.is(String((await (await pricing.result(owner, id, 1)).read(reading)).joined()), 'cba');
});

test('the same chunk given again is enqueued if its job was given up', async (t) => {
  const { pricing, queued, hooks, groups, networks } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, bytes);
  const [first] = queued.splice(0);
  await pricing.add(owner, id, 1, bytes);
  t.is(queued.length, 0, 'its job waits or runs');
  hooks.isLost = true;
  await pricing.add(owner, id, 1, bytes);
  t.deepEqual(queued, [first!]);
  t.deepEqual([groups.at(-1), networks.at(-1)], [owner, 'network']);
  for (const data of queued.splice(0)) await pricing.handle(data, live, { last: false });
  await pricing.add(owner, id, 1, bytes);
  t.is(queued.length, 0, 'a chunk that is priced has no job and needs none');
});
