import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { idle, setup } from './setup.ts';

/** A queue of jobs that end when `release` is called with their keys, or after 50 ms if they are quick. */
const startRoom = async (t: Parameters<typeof setup>[0], concurrency: number, maxConcurrency: number) => {
  const { database, make } = await setup(t);
  const jobs = make({ queues: { refresh: { concurrency, maxConcurrency, oneJobPerGroup: true } } });
  const running = new Map<string, () => void>();
  const done: string[] = [];
  let most = 0;
  await jobs.start({
    ...idle,
    refresh: async ({ key = '', quick }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      running.set(key, resolve);
      most = Math.max(most, running.size);
      // The duration of a quick job.
      await (quick ? sleep(50) : promise);
      running.delete(key);
      done.push(key);
    },
  });
  const add = (keys: string, more: object = {}): Promise<void> =>
    database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
      for (const key of keys) await jobs.enqueue(transaction, 'refresh', { key, group: key, data: { key, ...more } });
    });
  const release = (keys: string): void => keys.split('').forEach((key) => running.get(key)?.());
  const mostSince = (): number => {
    const value = most;
    most = running.size;
    return value;
  };
  return { jobs, running, done, add, release, mostSince };
};

test('slow jobs take no place of others, up to the max number of jobs', async (t) => {
  const { running, done, add, release, mostSince } = await startRoom(t, 2, 5);
  await add('abcd');
  await eventually(() => running.size === 4, 'four slow jobs run on two places');
  await add('q', { quick: 'true' });
  await eventually(() => done.length === 1, 'a quick job is done beside them');
  await add('efg');
  await eventually(() => running.size === 5, 'the fifth runs');
  release('a');
  await eventually(() => running.has('f'), 'the sixth runs when one has ended');
  release('b');
  await eventually(() => running.has('g'), 'the last one runs');
  t.is(mostSince(), 5);
  release('cdefg');
  await eventually(() => running.size === 0, 'all end');
  t.is(done.length, 8);
});

test('after slow jobs the number of workers is the former one', async (t) => {
  const { running, done, add, release, mostSince } = await startRoom(t, 2, 6);
  await add('abcd');
  await eventually(() => running.size === 4, 'four slow jobs run');
  release('abcd');
  await eventually(() => done.length === 4, 'they end');
  mostSince();
  await add('efghijkl', { quick: 'true' });
  await eventually(() => done.length === 12, 'quick jobs are done');
  t.is(mostSince(), 2);
});

test('no worker is added while the queues are closed', async (t) => {
  const { jobs, running, done, add, release } = await startRoom(t, 1, 5);
  await add('ab');
  await eventually(() => running.size === 1, 'one runs');
  const closed = jobs.close({ graceMs: 5_000 });
  // Longer than the second after which a job is slow, and a worker would be added.
  await sleep(1_500);
  release('ab');
  await closed;
  t.is(done.length, 1);
  t.is(running.size, 0);
});

test('a stop while the queues open leaves no queue open', async (t) => {
  const { make } = await setup(t);
  const jobs = make();
  const starting = jobs.start(idle);
  await jobs.close({ graceMs: 5_000 });
  await t.throwsAsync(starting, { code: 'shutting_down' });
  t.false(jobs.isOpen());
});
