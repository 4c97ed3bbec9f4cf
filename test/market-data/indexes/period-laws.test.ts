import test from 'ava';
import * as fc from 'fast-check';
import { addDays } from '#src/kernel/calendar.ts';
import { indexMethodRules, indexMethods } from '#src/market-data/indexes/index-methods.ts';
import type { IndexDefinition } from '#src/market-data/indexes/universes.ts';
import { firstDayOfPeriod, lastDayOfPeriod } from '#src/market-data/series/periods.ts';
import { indexPoints, type Action, type Close } from '#testkit/market-data/index-points.ts';

const symbols = ['A', 'B', 'C', 'D'];
const intervals = ['1week', '1month'] as const;
type Interval = (typeof intervals)[number];

/** Each method with each rebalancing that it allows, as price return and as total return. */
const variants = indexMethods.flatMap((method) =>
  indexMethodRules[method].rebalances.flatMap((rebalance) =>
    (['price', 'total'] as const).map((returnType) => ({ method, rebalance, returnType })),
  ),
);
const definitionOf = (variant: (typeof variants)[number], members = symbols): IndexDefinition => {
  const constituents = members.slice(0, indexMethodRules[variant.method].maxConstituents);
  const weight = 1 / constituents.length;
  const terms = new Map(variant.method === 'fixed_weights' ? constituents.map((symbol) => [symbol, { weight }]) : []);
  return { code: 'X', name: 'X', ...variant, constituents, terms };
};

/** The first day of the period with this number. */
const periodAt = (interval: Interval, place: number): string => {
  if (interval === '1week') return addDays('2020-01-06', 7 * place);
  return new Date(Date.UTC(2020, place, 1)).toISOString().slice(0, 10);
};
const dayIn = (interval: Interval, place: number, part: number): string => {
  const first = periodAt(interval, place);
  const days = Date.parse(lastDayOfPeriod(first, interval)) - Date.parse(first);
  return addDays(first, Math.round((part * days) / 86_400_000));
};

const close = fc.double({ min: 1, max: 1_000, noNaN: true });
const part = fc.double({ min: 0, max: 1, noNaN: true });
const bar = fc.record({ close, part, otherPart: part });
/** For each constituent its bar of each period, or none. */
const histories = (missing: fc.Arbitrary<boolean>) =>
  fc.integer({ min: 2, max: 8 }).chain((periods) =>
    fc.array(
      fc
        .array(fc.tuple(missing, bar), { minLength: periods, maxLength: periods })
        .map((all) => all.map(([isMissing, each]) => (isMissing ? undefined : each))),
      { minLength: symbols.length, maxLength: symbols.length },
    ),
  );
const seriesOf = <T>(all: readonly (T | undefined)[], toClose: (bar: T, place: number) => Close): Close[] =>
  all.flatMap((each, place) => (each === undefined ? [] : [toClose(each, place)]));

const shares: readonly Action[] = symbols.map((symbol, index) => ({
  symbol,
  date: '2019-12-30',
  shares: 100 + 37 * index,
}));
const byDate = (actions: readonly Action[]): Action[] =>
  actions.toSorted((left, right) => left.date.localeCompare(right.date));
const ownOf = ({ constituents }: IndexDefinition, actions: readonly Action[]): Action[] =>
  actions.filter(({ symbol }) => constituents.includes(symbol));

const action = fc.record({
  asset: fc.nat(symbols.length - 1),
  place: fc.nat(7),
  part,
  split: fc.option(fc.constantFrom(0.5, 2, 3), { nil: undefined }),
  dividend: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
  shares: fc.option(fc.integer({ min: 50, max: 500 }), { nil: undefined }),
});

for (const interval of intervals) {
  test(`${interval}: moving the date of a bar inside its period changes no value`, (t) => {
    fc.assert(
      fc.property(histories(fc.constant(false)), (all) => {
        const moved = (which: 'part' | 'otherPart') =>
          all.map((bars) =>
            seriesOf(bars, (each, place) => ({ date: dayIn(interval, place, each[which]), close: each.close })),
          );
        for (const variant of variants) {
          // A week can be in two months, and then the date of its bar decides in which month the weights are set.
          if (interval === '1week' && !['never', 'each_bar'].includes(variant.rebalance)) continue;
          const definition = definitionOf(variant);
          const values = (series: readonly Close[][]) =>
            indexPoints(
              definition,
              series.slice(0, definition.constituents.length),
              ownOf(definition, shares),
              interval,
            ).map(({ date, value }) => [firstDayOfPeriod(date, interval), value]);
          const before = values(moved('part'));
          t.deepEqual(values(moved('otherPart')), before, JSON.stringify(variant));
          t.is(before.length, all[0]!.length, 'one value for each period');
        }
      }),
      { numRuns: 50 },
    );
  });

  test(`${interval}: values are those of daily bars that all have the latest day of their period, with actions before and after the bars`, (t) => {
    fc.assert(
      fc.property(
        histories(fc.integer({ min: 0, max: 9 }).map((n) => n < 2)),
        fc.uniqueArray(action, { selector: ({ asset, place }) => `${asset} ${place}`, maxLength: 10 }),
        (all, chosen) => {
          for (const variant of variants) {
            const definition = definitionOf(variant);
            const used = all.slice(0, definition.constituents.length);
            const series = used.map((bars) =>
              seriesOf(bars, (each, place) => ({ date: dayIn(interval, place, each.part), close: each.close })),
            );
            const latest = new Map<string, string>();
            for (const { date } of series.flat()) {
              const first = firstDayOfPeriod(date, interval);
              if (date > (latest.get(first) ?? '')) latest.set(first, date);
            }
            const aligned = series.map((bars) =>
              bars.map((each) => ({ ...each, date: latest.get(firstDayOfPeriod(each.date, interval))! })),
            );
            const actions = ownOf(definition, [
              ...shares,
              ...chosen.map(({ asset, place, part: day, ...rest }): Action => ({
                symbol: symbols[asset]!,
                date: dayIn(interval, place, day),
                ...(rest.split !== undefined && { split: rest.split }),
                ...(rest.dividend !== undefined && { dividend: rest.dividend }),
                ...(rest.shares !== undefined && { shares: rest.shares }),
              })),
            ]);
            // An action after the bar of its constituent counts for the bar of the next period.
            const counted = (each: Action): Action => {
              const first = firstDayOfPeriod(each.date, interval);
              const own = series[definition.constituents.indexOf(each.symbol)]!.find(
                ({ date }) => firstDayOfPeriod(date, interval) === first,
              );
              const isAfter = own !== undefined && own.date < each.date;
              return isAfter ? { ...each, date: addDays(lastDayOfPeriod(each.date, interval), 1) } : each;
            };
            t.deepEqual(
              indexPoints(definition, series, actions, interval),
              indexPoints(definition, aligned, byDate(byDate(actions).map(counted)), '1day'),
              JSON.stringify(variant),
            );
          }
        },
      ),
      { numRuns: 100 },
    );
  });
}

test('two constituents with bars on different days of a month keep the returns of both', (t) => {
  const definition = definitionOf({ method: 'equal_weighted', rebalance: 'each_bar', returnType: 'price' }, ['A', 'B']);
  const series = (november: string, otherNovember: string): Close[][] => [
    [
      { date: '2025-10-31', close: 100 },
      { date: november, close: 110 },
      { date: '2025-12-31', close: 121 },
    ],
    [
      { date: '2025-10-31', close: 100 },
      { date: otherNovember, close: 120 },
      { date: '2025-12-31', close: 132 },
    ],
  ];
  for (const [november, otherNovember] of [
    ['2025-11-28', '2025-11-29'],
    ['2025-11-29', '2025-11-28'],
    ['2025-11-29', '2025-11-29'],
  ] as const) {
    const points = indexPoints(definition, series(november, otherNovember), [], '1month');
    t.deepEqual(
      points.map(({ date, value }) => [date, Math.round(value * 1e6) / 1e6]),
      [
        ['2025-10-31', 1000],
        ['2025-11-29', 1150],
        ['2025-12-31', 1265],
      ],
    );
  }
});
