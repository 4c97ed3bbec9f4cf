import test from 'ava';
import * as fc from 'fast-check';
import { equalWeighted, indexBase, priceWeighted, rebased } from '#src/market-data/index-calculators.ts';
import type { Close, CloseSeries, IndexPoint } from '#src/market-data/index-calculators.ts';

const day = (offset: number): string => new Date(Date.UTC(2000, 0, 1 + offset)).toISOString().slice(0, 10);
const close = fc.double({ min: 0.01, max: 1e5, noNaN: true });
const seriesOf = (closes: readonly number[], from = 0): Close[] =>
  closes.map((value, index) => ({ date: day(from + index), close: value }));

/** Constituents that are all priced on the same days. */
const constituents = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30 }))
  .chain(([count, days]) =>
    fc.array(fc.array(close, { minLength: days, maxLength: days }), { minLength: count, maxLength: count }),
  )
  .map((all) => all.map((closes) => seriesOf(closes)));

const near = (left: number, right: number, tolerance = 1e-9): boolean =>
  Math.abs(left - right) <= tolerance * Math.max(Math.abs(left), Math.abs(right));
const allNear = (left: readonly IndexPoint[], right: readonly IndexPoint[]): boolean =>
  left.length === right.length &&
  left.every(({ date, value }, index) => date === right[index]?.date && near(value, right[index].value));
const scaled = (series: CloseSeries, factor: number): Close[] =>
  series.map(({ date, close: value }) => ({ date, close: value * factor }));

const calculators = { equalWeighted, priceWeighted, rebased };

for (const [name, calculate] of Object.entries(calculators)) {
  test(`${name}: begins at exactly 1000, one finite positive value per date, ascending`, (t) => {
    fc.assert(
      fc.property(constituents, (all) => {
        const used = name === 'rebased' ? all.slice(0, 1) : all;
        const points = calculate(used);
        t.is(points[0]?.value, indexBase);
        t.deepEqual(
          points.map(({ date }) => date),
          used[0]?.map(({ date }) => date),
        );
        t.true(points.every(({ value }) => Number.isFinite(value) && value > 0));
      }),
    );
  });

  test(`${name}: one unit for every price or another makes no difference`, (t) => {
    fc.assert(
      fc.property(constituents, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, factor) => {
        t.true(allNear(calculate(all.map((series) => scaled(series, factor))), calculate(all)));
      }),
    );
  });

  test(`${name}: a single constituent is that constituent rebased`, (t) => {
    fc.assert(
      fc.property(fc.array(close, { minLength: 1, maxLength: 30 }), (closes) => {
        t.true(allNear(calculate([seriesOf(closes)]), rebased([seriesOf(closes)])));
      }),
    );
  });

  test(`${name}: nothing in, nothing out`, (t) => {
    t.deepEqual(calculate([]), []);
    t.deepEqual(calculate([[]]), []);
  });
}

test('equalWeighted: scaling one constituent alone makes no difference', (t) => {
  fc.assert(
    fc.property(constituents, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, factor) => {
      const [first = [], ...others] = all;
      t.true(allNear(equalWeighted([scaled(first, factor), ...others]), equalWeighted(all)));
    }),
  );
});

test('equalWeighted: the order of constituents makes no difference', (t) => {
  fc.assert(
    fc.property(constituents, (all) => {
      t.true(allNear(equalWeighted(all.toReversed()), equalWeighted(all)));
    }),
  );
});

test('equalWeighted: each step lies between its smallest and largest return', (t) => {
  fc.assert(
    fc.property(constituents, (all) => {
      const points = equalWeighted(all);
      for (let at = 1; at < points.length; at += 1) {
        const ratios = all.map((series) => series[at]!.close / series[at - 1]!.close);
        const step = points[at]!.value / points[at - 1]!.value;
        t.true(step >= Math.min(...ratios) * (1 - 1e-12) && step <= Math.max(...ratios) * (1 + 1e-12));
      }
    }),
  );
});

test('equalWeighted: only constituents priced on both dates count', (t) => {
  // The second joins on day 1 and misses day 2: day 1 and 2 move by the first alone, day 3 too.
  const points = equalWeighted([
    seriesOf([100, 110, 121, 242]),
    [
      { date: day(1), close: 50 },
      { date: day(3), close: 500 },
    ],
  ]);
  t.true(near(points[1]!.value, 1100));
  t.true(near(points[2]!.value, 1210));
  t.true(near(points[3]!.value, 2420));
});

test('equalWeighted: where nobody is priced on both dates the value stays', (t) => {
  const points = equalWeighted([[{ date: day(0), close: 10 }], [{ date: day(1), close: 30 }]]);
  t.deepEqual(
    points.map(({ value }) => value),
    [1000, 1000],
  );
});

test('priceWeighted: a constituent that joins leaves that date and all before as they would be', (t) => {
  fc.assert(
    fc.property(constituents, fc.array(close, { minLength: 1, maxLength: 30 }), fc.nat(40), (all, closes, offset) => {
      const days = all[0]!.length;
      const from = 1 + (offset % days);
      const without = priceWeighted(all);
      const joined = priceWeighted([...all, seriesOf(closes, from)]);
      const until = day(Math.min(from, days - 1));
      const before = (points: readonly IndexPoint[]) => points.filter(({ date }) => date <= until);
      t.true(allNear(before(joined), before(without)));
    }),
  );
});

test('priceWeighted: after a constituent joined both count by price', (t) => {
  const points = priceWeighted([seriesOf([10, 20, 30]), seriesOf([80, 70], 1)]);
  // Day 1: 20/10. The divisor is then (20 + 80) / 2000 = 0.05; day 2: (30 + 70) / 0.05.
  t.true(near(points[1]!.value, 2000));
  t.true(near(points[2]!.value, 2000));
});

test('priceWeighted: a missing close counts with the last one', (t) => {
  const points = priceWeighted([
    seriesOf([10, 10, 10]),
    [
      { date: day(0), close: 30 },
      { date: day(2), close: 50 },
    ],
  ]);
  t.deepEqual(
    points.map(({ value }) => value),
    [1000, 1000, 1500],
  );
});
