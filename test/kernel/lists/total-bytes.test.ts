import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTotalBytes } from '#src/kernel/lists/total-bytes.ts';

const query: Query = async () => [];

test('the total is read once in ten seconds, and additions of this process count at once', async (t) => {
  let now = 1_000;
  let stored = 100;
  let reads = 0;
  const total = createTotalBytes({
    clock: { monotonic: () => now },
    read: async () => {
      reads += 1;
      return stored;
    },
  });
  t.is(await total.current(query), 100);
  stored = 500;
  total.add(20);
  now += 9_999;
  t.is(await total.current(query), 120);
  t.is(reads, 1);
  now += 1;
  t.is(await total.current(query), 500);
  t.is(reads, 2);
});

test('requests at the same time share one read, and what is added meanwhile counts', async (t) => {
  let reads = 0;
  const gate = Promise.withResolvers<number>();
  const total = createTotalBytes({
    clock: { monotonic: () => 0 },
    read: () => {
      reads += 1;
      return gate.promise;
    },
  });
  const answers = Promise.all([total.current(query), total.current(query)]);
  total.add(5);
  gate.resolve(100);
  t.deepEqual(await answers, [105, 105]);
  t.is(reads, 1);
});

test('a read that fails refuses its requests, and the next request reads again', async (t) => {
  const results: (() => number)[] = [
    () => {
      throw new Error('no connection');
    },
    () => 9,
  ];
  const total = createTotalBytes({ clock: { monotonic: () => 0 }, read: async () => results.shift()!() });
  await t.throwsAsync(total.current(query), { message: 'no connection' });
  t.is(await total.current(query), 9);
});
