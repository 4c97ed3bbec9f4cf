import test from 'ava';
import * as fc from 'fast-check';
import { equalWeighted, indexBase, priceWeighted, rebased } from '#src/market-data/indexes/index-calculators.ts';
import type { Close, CloseSeries, IndexPoint } from '#src/market-data/indexes/index-calculators.ts';

const day = (offset: number): string => new Date(Date.UTC(2000, 0, 1 + offset)).toISOString().slice(0, 10);
const close = fc.double({ min: 0.01, max: 1e5, noNaN: true });
const seriesOf = (closes: readonly number[], from = 0): Close[] =>
  closes.map((value, index) => ({ date: day(from + index), close: value }));

/** Constituents with closes on the same days. */
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
  test(`${name}: starts at exactly 1000, with one finite positive value for each date, in order`, (t) => {
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

  test(`${name}: a common factor of all prices does not change the index`, (t) => {
    fc.assert(
      fc.property(constituents, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, factor) => {
        t.true(allNear(calculate(all.map((series) => scaled(series, factor))), calculate(all)));
      }),
    );
  });

  test(`${name}: an index of one constituent is that constituent rebased`, (t) => {
    fc.assert(
      fc.property(fc.array(close, { minLength: 1, maxLength: 30 }), (closes) => {
        t.true(allNear(calculate([seriesOf(closes)]), rebased([seriesOf(closes)])));
      }),
    );
  });

  test(`${name}: without closes there are no values`, (t) => {
    t.deepEqual(calculate([]), []);
    t.deepEqual(calculate([[]]), []);
  });
}

test('equalWeighted: a factor of one constituent does not change the index', (t) => {
  fc.assert(
    fc.property(constituents, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, factor) => {
      const [first = [], ...others] = all;
      t.true(allNear(equalWeighted([scaled(first, factor), ...others]), equalWeighted(all)));
    }),
  );
});

test('equalWeighted: the order of the constituents does not change the index', (t) => {
  fc.assert(
    fc.property(constituents, (all) => {
      t.true(allNear(equalWeighted(all.toReversed()), equalWeighted(all)));
    }),
  );
});

test('equalWeighted: the return of the index is between the min and the max return of the constituents', (t) => {
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

test('equalWeighted: only constituents with a close on both dates count', (t) => {
  // The second constituent has no close on days 0 and 2, so all returns are those of the first constituent.
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

test('equalWeighted: the value is unchanged if no constituent has a close on both dates', (t) => {
  const points = equalWeighted([[{ date: day(0), close: 10 }], [{ date: day(1), close: 30 }]]);
  t.deepEqual(
    points.map(({ value }) => value),
    [1000, 1000],
  );
});

test('priceWeighted: a new constituent does not change the value of its first date or of earlier dates', (t) => {
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

test('priceWeighted: after its first date a new constituent counts by price', (t) => {
  const points = priceWeighted([seriesOf([10, 20, 30]), seriesOf([80, 70], 1)]);
  // Day 1: 20/10. The divisor is then (20 + 80) / 2000 = 0.05; day 2: (30 + 70) / 0.05.
  t.true(near(points[1]!.value, 2000));
  t.true(near(points[2]!.value, 2000));
});

test('priceWeighted: a constituent without a close counts with its last close', (t) => {
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
