import fc from 'fast-check';
import test from 'ava';
import { createShares, type Shares } from '#src/http/admission/shares.ts';

const takeAll = (shares: Shares, caller: string): number => {
  let taken = 0;
  while (shares.take(caller) === undefined) taken += 1;
  return taken;
};

for (const [callerPercent, limit, alone] of [
  [50, 16, 8],
  [25, 16, 4],
  [25, 512, 128],
  [75, 16, 12],
  [100, 16, 16],
  [50, 1, 1],
  [1, 16, 1],
] as const) {
  test(`alone, a caller reaches ${callerPercent} percent of ${limit}: ${alone}`, (t) => {
    t.is(takeAll(createShares({ limit, callerPercent, minAmount: 1 }), 'a'), alone);
  });
}

test('each further caller finds a share of what is free, until there is nothing', (t) => {
  const shares = createShares({ limit: 16, callerPercent: 50, minAmount: 1 });
  t.deepEqual(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((caller) => takeAll(shares, caller)),
    [8, 4, 1, 1, 1, 1],
  );
  t.is(shares.take('g'), 'full');
  t.is(shares.take('a'), 'full', 'nothing is free: that is not the fault of one caller');
});

test('a caller who holds too much is told so; one who holds nothing is told that all is taken', (t) => {
  const shares = createShares({ limit: 10, callerPercent: 50, minAmount: 1 });
  t.is(takeAll(shares, 'a'), 5);
  t.is(shares.check('a'), 'caller');
  t.is(shares.check('b'), undefined);
  shares.release('a');
  t.is(shares.check('a'), undefined, 'what is given back can be taken again');
  const bytes = createShares({ limit: 1_000, callerPercent: 50, minAmount: 10 });
  t.is(bytes.take('a', 400), undefined);
  t.is(bytes.take('b', 700), 'full');
  t.is(bytes.take('b', 200), undefined);
});

test('a new caller finds its min amount in the kept part, and no more; a caller with recent use finds less', (t) => {
  let time = 0;
  const shares = createShares({ limit: 1_000, callerPercent: 50, minAmount: 40, now: () => time });
  t.is(shares.take('a', 500), undefined);
  t.is(shares.take('b', 250), undefined);
  t.is(shares.take('c', 41), 'caller', 'more than the min amount does not come from the kept part');
  for (const caller of ['c', 'd', 'e']) {
    t.is(shares.take(caller, 30), undefined);
    t.is(shares.take(caller, 10), undefined, 'piece by piece');
    t.is(shares.take(caller, 1), 'caller');
  }
  time += 60_000;
  shares.release('c', 40);
  t.is(shares.take('c', 40), 'caller', 'it held as much a moment ago');
  t.is(shares.take('f', 40), undefined);
  t.is(shares.use('f'), 40);
  t.true(shares.use('c') > 20 && shares.use('c') < 40, 'what it held recently');
});

test('whatever is taken and given back, no limit is passed and nothing is lost', (t) => {
  const step = fc.record({ caller: fc.constantFrom('a', 'b', 'c', 'd'), amount: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 99 }), (steps, callerPercent) => {
      const shares = createShares({ limit: 40, callerPercent, minAmount: 1 });
      const taken: (typeof steps)[number][] = [];
      for (const each of steps) {
        if (shares.take(each.caller, each.amount) === undefined) taken.push(each);
        if (taken.length > 3 && each.amount % 2 === 0) {
          const { caller, amount } = taken.shift()!;
          shares.release(caller, amount);
        }
        const sum = taken.reduce((total, { amount }) => total + amount, 0);
        if (sum !== shares.total() || sum > 40) return false;
      }
      for (const { caller, amount } of taken) shares.release(caller, amount);
      return shares.total() === 0 && shares.check('a', 1) === undefined;
    }),
  );
  t.pass();
});

/** Each persistent caller takes a slot whenever it holds none, and holds it for about `workMs`. */
const underPressure = (persistent: number, workMs: number) => {
  let time = 0;
  const shares = createShares({ limit: 64, callerPercent: 50, minAmount: 1, now: () => time });
  takeAll(shares, 'first');
  takeAll(shares, 'second');
  const ends = new Map<string, number>();
  let works = 0;
  /** Between 0.7 and 1.3 of `workMs`, because equal times would free all slots at the same moments. */
  const nextWorkMs = (): number => workMs * (0.7 + 0.006 * ((works += 37) % 100));
  return {
    shares,
    run: (milliseconds: number): void => {
      for (const until = time + milliseconds; time < until; time += 50) {
        for (const [caller, end] of ends) {
          if (end > time) continue;
          ends.delete(caller);
          shares.release(caller);
        }
        // The order differs at each time, as among clients.
        for (let index = 0; index < persistent; index += 1) {
          const caller = `persistent ${(index + time / 50) % persistent}`;
          if (!ends.has(caller) && shares.take(caller) === undefined) ends.set(caller, time + nextWorkMs());
        }
      }
    },
  };
};

for (const persistent of [18, 48, 100]) {
  for (const workMs of [200, 2_000, 10_000]) {
    test(`${persistent} callers that come again after ${workMs} ms leave slots for new ones`, (t) => {
      const { shares, run } = underPressure(persistent, workMs);
      run(60_000);
      let served = 0;
      for (let newcomer = 0; newcomer < 100; newcomer += 1) {
        run(1_000);
        if (shares.take(`new ${newcomer}`) !== undefined) continue;
        served += 1;
        shares.release(`new ${newcomer}`);
      }
      t.true(served >= 95, `${served} of 100 new callers found a slot`);
      t.true(shares.total() >= 52, `${shares.total()} slots are used: the persistent callers are served too`);
    });
  }
}

test('beyond the limit there are places for callers who hold nothing', (t) => {
  let at = 0;
  const shares = createShares({ limit: 8, callerPercent: 50, minAmount: 1, extra: 8, now: () => at });
  for (let number = 0; number < 8; number += 1) t.is(shares.take(`first ${number}`), undefined);
  t.is(shares.take('first 0'), 'full', 'who holds one gets no second one');
  // Each has held a place for long, so it may have none of the last ones.
  at += 600_000;
  for (let number = 0; number < 8; number += 1) shares.forget(`first ${number}`);
  t.is(shares.take('new 0'), undefined);
  t.is(shares.take('first 0'), 'caller', 'who has held much is told so');
  for (let number = 1; number < 8; number += 1) t.is(shares.take(`new ${number}`), undefined, `new ${number}`);
  t.is(shares.take('last'), 'full');
  t.is(shares.total(), 16);
});
