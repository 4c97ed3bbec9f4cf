import test from 'ava';
import * as fc from 'fast-check';
import type { IndexPoint } from '#src/market-data/indexes/calculation/index-run.ts';
import { indexMethodRules, indexMethods, type IndexMethod } from '#src/market-data/indexes/index-methods.ts';
import type { IndexDefinition } from '#src/market-data/indexes/universes.ts';
import { formerCalculators, type CloseSeries } from '#testkit/market-data/former-index-calculators.ts';
import { indexPoints, type Action, type Close } from '#testkit/market-data/index-points.ts';

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

const names = ['A', 'B', 'C', 'D', 'E', 'F'];

const indexOf = (method: IndexMethod, count: number, more: Partial<IndexDefinition> = {}): IndexDefinition => {
  const constituents = names.slice(0, Math.min(count, indexMethodRules[method].maxConstituents));
  const weight = 1 / constituents.length;
  const terms = new Map(method === 'fixed_weights' ? constituents.map((symbol) => [symbol, { weight }]) : []);
  return { code: 'X', name: 'X', method, constituents, terms, ...more };
};
/** Numbers of shares that hold from the first day on, for the method that needs them. */
const shares: readonly Action[] = names.map((symbol, index) => ({ symbol, date: day(0), shares: 100 + 37 * index }));

const calculate = (
  method: IndexMethod,
  all: readonly CloseSeries[],
  actions: readonly Action[] = [],
  more: Partial<IndexDefinition> = {},
) => {
  const definition = indexOf(method, all.length, more);
  const used = all.slice(0, definition.constituents.length);
  const known = new Set(definition.constituents);
  return indexPoints(
    definition,
    used,
    [...shares, ...actions].filter(({ symbol }) => known.has(symbol)),
  );
};
/** Each method with each rebalancing that it allows. */
const variants = indexMethods.flatMap((method) =>
  indexMethodRules[method].rebalances.map((rebalance) => ({ method, rebalance, title: `${method} ${rebalance}` })),
);

for (const { method, rebalance, title } of variants) {
  test(`${title}: starts at exactly 1000, with one finite positive value for each date, in order`, (t) => {
    fc.assert(
      fc.property(constituents, (all) => {
        const points = calculate(method, all, [], { rebalance });
        t.is(points[0]?.value, 1000);
        t.deepEqual(
          points.map(({ date }) => date),
          all[0]?.map(({ date }) => date),
        );
        t.true(points.every(({ value }) => Number.isFinite(value) && value > 0));
      }),
    );
  });

  test(`${title}: a common factor of all prices does not change the index`, (t) => {
    fc.assert(
      fc.property(constituents, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, factor) => {
        const other = all.map((series) => scaled(series, factor));
        t.true(allNear(calculate(method, other, [], { rebalance }), calculate(method, all, [], { rebalance })));
      }),
    );
  });

  test(`${title}: the base value scales all values`, (t) => {
    fc.assert(
      fc.property(constituents, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (all, baseValue) => {
        const points = calculate(method, all, [], { rebalance, baseValue });
        t.is(points[0]?.value, baseValue);
        const expected = calculate(method, all, [], { rebalance });
        t.true(
          allNear(
            points,
            expected.map(({ date, value }) => ({ date, value: (value * baseValue) / 1000 })),
          ),
        );
      }),
    );
  });

  test(`${title}: an index of one constituent is that constituent rebased`, (t) => {
    fc.assert(
      fc.property(fc.array(close, { minLength: 1, maxLength: 30 }), (closes) => {
        const expected = closes.map((value, index) => ({ date: day(index), value: (1000 * value) / closes[0]! }));
        t.true(allNear(calculate(method, [seriesOf(closes)], [], { rebalance }), expected));
      }),
    );
  });

  test(`${title}: without closes there are no values`, (t) => {
    t.deepEqual(calculate(method, [], [], { rebalance, constituents: [] }), []);
    t.deepEqual(calculate(method, [[]], [], { rebalance }), []);
  });

  test(`${title}: a later base date gives the values of an index that begins with this bar`, (t) => {
    fc.assert(
      fc.property(constituents, fc.nat(29), (all, offset) => {
        const from = day(offset);
        const later = all.map((series) => series.filter(({ date }) => date >= from));
        t.deepEqual(
          calculate(method, all, [], { rebalance, baseDate: from }),
          calculate(method, later, [], { rebalance }),
        );
      }),
    );
  });

  test(`${title}: a split does not move the index on its day, and on no earlier day`, (t) => {
    fc.assert(
      fc.property(constituents, fc.nat(29), fc.double({ min: 0.01, max: 50, noNaN: true }), (all, at, split) => {
        const date = day(at);
        const unadjusted = all.map((series, index) =>
          index === 0 ? series.map((one) => (one.date < date ? one : { ...one, close: one.close / split })) : series,
        );
        const actual = calculate(method, unadjusted, [{ symbol: 'A', date, split }], { rebalance });
        const expected = calculate(method, all, [], { rebalance });
        // A price-weighted index holds one share before and after the split, so its weights change with it.
        const isSame = ({ date: one }: IndexPoint): boolean => method !== 'price_weighted' || one < date;
        t.true(allNear(actual.filter(isSame), expected.filter(isSame)));
      }),
    );
  });

  test(`${title}: total return without dividends is price return, to the last digit`, (t) => {
    fc.assert(
      fc.property(constituents, (all) => {
        t.deepEqual(
          calculate(method, all, [], { rebalance, returnType: 'total' }),
          calculate(method, all, [], { rebalance }),
        );
      }),
    );
  });

  test(`${title}: the return of a day is the price return plus the dividends of the day`, (t) => {
    fc.assert(
      fc.property(constituents, fc.integer({ min: 1, max: 29 }), close, (all, at, dividend) => {
        const date = day(at);
        const price = calculate(method, all, [], { rebalance });
        const total = calculate(method, all, [{ symbol: 'A', date, dividend }], { rebalance, returnType: 'total' });
        // A dividend counts like a close that is higher by it, on this day only.
        const paid = all.map((series, index) =>
          index > 0 ? series : series.map((one) => (one.date === date ? { ...one, close: one.close + dividend } : one)),
        );
        const withCash = calculate(method, paid, [], { rebalance });
        const place = price.findIndex((point) => point.date === date);
        if (place === -1) return;
        t.true(allNear(total.slice(0, place + 1), withCash.slice(0, place + 1)));
        const factor = withCash[place]!.value / price[place]!.value;
        const after = price.slice(place).map((point) => ({ ...point, value: point.value * factor }));
        t.true(allNear(total.slice(place), after));
      }),
    );
  });
}

/** Constituents that begin on different days and lack days. */
const gappy = fc.array(fc.array(fc.option(close, { nil: undefined, freq: 4 }), { minLength: 1, maxLength: 40 }), {
  minLength: 1,
  maxLength: 6,
});

for (const [method, former] of Object.entries(formerCalculators)) {
  test(`${method}: values are those of the former calculation, to the last digit`, (t) => {
    fc.assert(
      fc.property(gappy, (all) => {
        const used = method === 'rebased' ? all.slice(0, 1) : all;
        const series = used.map((closes) =>
          closes.flatMap((value, index) => (value === undefined ? [] : [{ date: day(index), close: value }])),
        );
        t.deepEqual(calculate(method as keyof typeof formerCalculators, series), former(series));
      }),
      { numRuns: 1_000 },
    );
  });
}

test('fixed weights without rebalancing are buy and hold', (t) => {
  fc.assert(
    fc.property(
      constituents,
      fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }),
      (all, raw) => {
        const sum = raw.slice(0, all.length).reduce((total, weight) => total + weight, 0);
        const weights = raw.slice(0, all.length).map((weight) => weight / sum);
        const terms = new Map(weights.map((weight, index) => [names[index]!, { weight }]));
        const expected = all[0]!.map(({ date }, at) => ({
          date,
          value:
            1000 * weights.reduce((total, weight, i) => total + (weight * all[i]![at]!.close) / all[i]![0]!.close, 0),
        }));
        t.true(allNear(calculate('fixed_weights', all, [], { terms, rebalance: 'never' }), expected));
      },
    ),
  );
});

test('fixed weights that are equal give the values of equal_weighted, with each rebalancing', (t) => {
  fc.assert(
    fc.property(constituents, (all) => {
      for (const rebalance of indexMethodRules.fixed_weights.rebalances) {
        t.true(
          allNear(
            calculate('fixed_weights', all, [], { rebalance }),
            calculate('equal_weighted', all, [], { rebalance }),
          ),
        );
      }
    }),
  );
});

test('a capitalization-weighted index with equal numbers of shares is price-weighted', (t) => {
  fc.assert(
    fc.property(constituents, (all) => {
      const same = names.map((symbol) => ({ symbol, date: day(0), shares: 1_000 }));
      const expected = calculate('price_weighted', all);
      t.true(allNear(calculate('capitalization_weighted', all, same), expected));
    }),
  );
});

test('new shares of a company do not change the value of their day', (t) => {
  fc.assert(
    fc.property(constituents, fc.nat(29), fc.double({ min: 1, max: 1e6, noNaN: true }), (all, at, issued) => {
      const date = day(at);
      const before = (points: readonly IndexPoint[]) => points.filter((point) => point.date < date);
      const actual = calculate('capitalization_weighted', all, [{ symbol: 'A', date, shares: issued }]);
      t.true(allNear(before(actual), before(calculate('capitalization_weighted', all))));
      const flat = all.map((series) => series.map((one) => ({ ...one, close: series[0]!.close })));
      const points = calculate('capitalization_weighted', flat, [{ symbol: 'A', date, shares: issued }]);
      t.true(points.every(({ value }) => near(value, 1000)));
    }),
  );
});

test('joining, leaving and rebalancing do not move an index whose prices stand still', (t) => {
  const membership = fc.record({
    from: fc.option(fc.nat(60), { nil: undefined }),
    days: fc.option(fc.nat(60), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(close, membership), { minLength: 1, maxLength: 6 }), (all) => {
      const series = all.map(([value]) => seriesOf(Array.from({ length: 90 }, () => value)));
      const terms = new Map(
        all.map(([, { from, days }], index) => [
          names[index]!,
          {
            weight: (index + 1) / 21,
            ...(from !== undefined && { from: day(from) }),
            ...(days !== undefined && { to: day((from ?? 0) + days) }),
          },
        ]),
      );
      for (const { method, rebalance } of variants) {
        const points = calculate(method, series, [], { rebalance, terms });
        t.true(points.every(({ value }) => near(value, 1000)));
        const used = [...terms.values()].slice(0, indexMethodRules[method].maxConstituents);
        const inForce = (date: string) => used.some(({ from = '', to = '9' }) => from <= date && date <= to);
        const expected = series[0]!.map(({ date }) => date).filter(inForce);
        t.deepEqual(
          points.map(({ date }) => date),
          expected,
        );
      }
    }),
  );
});
