import test from 'ava';
import { createNearestOf, noSuchText } from '#src/kernel/lists/near-names.ts';

const clockOf = () => {
  const time = { ms: 0 };
  return { time, clock: { now: () => new Date(0), monotonic: () => time.ms } };
};

const found = {
  aapl: 'AAPL',
  APPL: 'AAPL',
  AAPLE: 'AAPL',
  GSPC: '^GSPC',
  '^GPSC': '^GSPC',
  'brk-b': 'BRK.B',
  ZZZZ: undefined,
  A: undefined,
  ['A'.repeat(200)]: undefined,
};
for (const [name, near] of Object.entries(found)) {
  test(`the name nearest to ${name.slice(0, 10)} is ${near}`, async (t) => {
    const nearestOf = createNearestOf({ read: async () => ['AAPL', 'BRK.B', 'MSFT', '^GSPC'], clock: clockOf().clock });
    t.is(await nearestOf(name), near);
  });
}

test('names are read again after some seconds, and a failed read gives no name', async (t) => {
  const { time, clock } = clockOf();
  let reads = 0;
  const nearestOf = createNearestOf({
    clock,
    read: async () => {
      reads += 1;
      if (reads === 2) throw new Error('the database is away');
      return reads === 1 ? ['AAPL'] : ['APPX'];
    },
  });
  t.deepEqual(await Promise.all([nearestOf('APPL'), nearestOf('APPL')]), ['AAPL', 'AAPL']);
  t.is(reads, 1);
  time.ms += 5_000;
  t.is(await nearestOf('APPL'), undefined);
  time.ms += 5_000;
  t.is(await nearestOf('APPL'), 'APPX');
});

test('a wrong name among 10,000 costs a bounded number of comparisons', async (t) => {
  const names = Array.from({ length: 10_000 }, (_, index) => `A${String(index).padStart(60, 'X')}`);
  const nearestOf = createNearestOf({ read: async () => names, clock: clockOf().clock });
  await nearestOf('A');
  const before = performance.now();
  for (let count = 0; count < 10; count++) await nearestOf('A'.repeat(61));
  // A comparison of 60 letters takes about 45 microseconds, and all 100,000 of them more than four seconds.
  t.true(performance.now() - before < 2_000);
});

test('the text of a refusal quotes the name, which is a text of the caller', async (t) => {
  t.is(await noSuchText('asset', 'APPL', async () => 'AAPL'), 'There is no asset "APPL"; did you mean AAPL?');
  t.is(await noSuchText('asset', 'a"\n', async () => undefined), 'There is no asset "a\\"\\n"');
});
