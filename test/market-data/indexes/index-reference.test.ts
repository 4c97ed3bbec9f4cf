import { readFile } from 'node:fs/promises';
import test from 'ava';
import type { ConstituentTerms, IndexDefinition } from '#src/market-data/indexes/universes.ts';
import { indexPoints, type Action } from '#testkit/market-data/index-points.ts';

type Reference = {
  readonly closes: Record<string, Record<string, number>>;
  readonly actions: readonly Action[];
  readonly indexes: readonly (Pick<IndexDefinition, 'method' | 'rebalance' | 'constituents'> & {
    readonly return_type: 'price' | 'total';
    readonly base_value: number;
    readonly base_date: string;
    readonly terms: Record<string, ConstituentTerms>;
    readonly values: Record<string, number>;
    readonly count: number;
  })[];
};

const path = new URL('../../../testkit/market-data/index-reference/indexes.json', import.meta.url);
const { closes, actions, indexes } = JSON.parse(await readFile(path, 'utf8')) as Reference;

for (const index of indexes) {
  test(`${index.method} ${index.rebalance} ${index.return_type}: values are those of a portfolio kept with exact fractions`, (t) => {
    const { method, rebalance, constituents } = index;
    const points = indexPoints(
      {
        code: 'X',
        name: 'X',
        method,
        rebalance,
        constituents,
        terms: new Map(Object.entries(index.terms)),
        returnType: index.return_type,
        baseValue: index.base_value,
        baseDate: index.base_date,
      },
      constituents.map((symbol) => Object.entries(closes[symbol]!).map(([date, close]) => ({ date, close }))),
      actions.filter(({ symbol }) => constituents.includes(symbol)),
    );
    t.is(points.length, index.count);
    const actual = new Map(points.map(({ date, value }) => [date, value]));
    for (const [date, value] of Object.entries(index.values)) {
      t.true(Math.abs(actual.get(date)! / value - 1) < 1e-12, `${date}: ${actual.get(date)} and ${value}`);
    }
  });
}

// Bodie, Kane, Marcus, "Investments", chapter 2 (stock market indexes): two companies, before and after a split of one.
const definition = (method: IndexDefinition['method'], more: Partial<IndexDefinition> = {}): IndexDefinition => ({
  code: 'X',
  name: 'X',
  method,
  constituents: ['ABC', 'XYZ'],
  baseValue: 100,
  ...more,
});
const days = (...closesOfDays: readonly number[]) =>
  closesOfDays.map((close, index) => ({ date: `2020-01-0${index + 1}`, close }));
const issued: readonly Action[] = [
  { symbol: 'ABC', date: '2020-01-01', shares: 20e6 },
  { symbol: 'XYZ', date: '2020-01-01', shares: 1e6 },
];

test('the textbook example of ABC and XYZ: price-weighted -4 %, value-weighted 15 %, equal-weighted 5 %', (t) => {
  const last = (method: IndexDefinition['method'], actions: readonly Action[] = []): number =>
    indexPoints(definition(method), [days(25, 30), days(100, 90)], actions).at(-1)!.value;
  t.is(last('price_weighted'), 96);
  t.is(last('capitalization_weighted', issued), 114.99999999999999);
  t.is(last('equal_weighted'), 105);
});

test('the same with a split of XYZ before the first day: the divisor falls from 2 to 1.2, and the index does not move', (t) => {
  const split: Action = { symbol: 'XYZ', date: '2020-01-02', split: 2 };
  // The first day is the day before the split. Then prices go from 25 and 50 to 30 and 45.
  const series = [days(25, 25, 30), days(100, 50, 45)];
  const points = indexPoints(definition('price_weighted', { baseValue: 62.5 }), series, [split]);
  t.deepEqual(
    points.map(({ value }) => value),
    [62.5, 62.5, 62.5],
  );
  const value = indexPoints(definition('capitalization_weighted'), series, [...issued, split]);
  t.deepEqual(
    value.map((point) => point.value),
    [100, 100, 114.99999999999999],
  );
});
