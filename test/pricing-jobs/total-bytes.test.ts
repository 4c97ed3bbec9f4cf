import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTotalBytes } from '#src/pricing-jobs/total-bytes.ts';

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

test('a read that fails is repeated by the next request after ten seconds, and the old total holds until then', async (t) => {
  let now = 0;
  const results: (() => number)[] = [
    () => 7,
    () => {
      throw new Error('no connection');
    },
    () => 9,
  ];
  const total = createTotalBytes({ clock: { monotonic: () => now }, read: async () => results.shift()!() });
  t.is(await total.current(query), 7);
  now = 10_000;
  await t.throwsAsync(total.current(query), { message: 'no connection' });
  t.is(await total.current(query), 7);
  now = 20_000;
  t.is(await total.current(query), 9);
});
