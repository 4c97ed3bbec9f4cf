import test from 'ava';
import { createRandom } from '#load/histories/random.ts';
import { addDays } from '#src/kernel/calendar.ts';
import { indexMethodRules, indexMethods } from '#src/market-data/indexes/index-methods.ts';
import type { IndexDefinition, Universe } from '#src/market-data/indexes/universes.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { firstDayOfPeriod, lastDayOfPeriod } from '#src/market-data/series/periods.ts';
import { createExplainIndex } from '#src/market-data/reads/explain-index.ts';
import type { Setup } from '../setup.ts';
import { setupUniverses } from '../universes/setup.ts';
import { calculateFrom, compareIndexes, startWith } from './stored-indexes.ts';

type Interval = '1week' | '1month';
const symbols = ['A', 'B', 'C', 'D'];
/** Each method with each rebalancing, as price return and as total return. */
const indexes = indexMethods.flatMap((method) =>
  indexMethodRules[method].rebalances.flatMap((rebalance) =>
    (['price', 'total'] as const).map((returnType): IndexDefinition => {
      const constituents = method === 'rebased' ? ['B'] : symbols;
      const terms = new Map(method === 'fixed_weights' ? symbols.map((symbol) => [symbol, { weight: 0.25 }]) : []);
      return {
        code: `${method}_${rebalance}_${returnType}`,
        name: method,
        method,
        rebalance,
        returnType,
        constituents,
        terms,
      };
    }),
  ),
);
const universeOf = (interval: Interval): Universe => ({
  name: 'four',
  interval,
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes,
});

const periodAt = (interval: Interval, place: number): string =>
  interval === '1week'
    ? addDays('2000-01-03', 7 * place)
    : new Date(Date.UTC(2000, place, 1)).toISOString().slice(0, 10);
const barOf = (date: string, close: number): PriceBar => ({
  date,
  open: null,
  high: null,
  low: null,
  close,
  volume: null,
});

/** No two values of an index in one period. */
const doubled = async ({ admin }: Setup, interval: Interval): Promise<unknown> => {
  const rows = await admin.query('select index_id, date::text as date from index_value');
  const periods = rows.map(({ index_id: id, date }) => `${String(id)} ${firstDayOfPeriod(String(date), interval)}`);
  return periods.length - new Set(periods).size;
};

for (const interval of ['1week', '1month'] as const) {
  test(`${interval}: after refreshes inside a period, which bring newer dates for some symbols, values are those of a full calculation`, async (t) => {
    const universe = universeOf(interval);
    const random = createRandom(7);
    const dayIn = (first: string, from = 0): string => {
      const days = (Date.parse(lastDayOfPeriod(first, interval)) - Date.parse(first)) / 86_400_000;
      return addDays(first, from + random.below(days - from + 1));
    };
    /** The bars of each symbol by the first day of their period. */
    const bars = new Map(symbols.map((symbol) => [symbol, new Map<string, PriceBar>()]));
    const lastClose = (symbol: string): number => [...bars.get(symbol)!.values()].at(-1)?.close ?? 50;
    const add = (symbol: string, first: string): void => {
      bars.get(symbol)!.set(first, barOf(dayIn(first), lastClose(symbol) * (0.9 + 0.2 * random.next())));
    };
    const started = 36;
    for (let place = 0; place < started; place += 1) {
      for (const symbol of symbols) if (random.chance(0.95)) add(symbol, periodAt(interval, place));
    }
    const service = await startWith(t, universe, () =>
      [...bars].map(([symbol, prices]) => ({ symbol, prices: [...prices.values()] })),
    );
    const refresh = async (label: string): Promise<void> => {
      const { status } = await service.refreshes.run({ universe: 'four', trigger: 'request' });
      t.is(status, 'succeeded', label);
      await compareIndexes(t, service, universe, label);
      t.is(await doubled(service, interval), 0, label);
    };
    await refresh('the first one');
    for (let place = started; place < started + 4; place += 1) {
      const first = periodAt(interval, place);
      for (const symbol of symbols) if (random.chance(0.8)) add(symbol, first);
      await refresh(`new period ${first}`);
      for (const step of [1, 2]) {
        // The bar of some symbols gets another date in the same period.
        for (const symbol of symbols) if (random.chance(0.5)) add(symbol, first);
        await refresh(`${first} ${step}`);
        const date = dayIn(periodAt(interval, place - random.below(2)));
        await service.admin.query(
          `insert into corporate_actions select id, $2, $3, $4, $5 from asset where symbol = $1 on conflict do nothing`,
          [
            symbols[random.below(symbols.length)],
            date,
            random.chance(0.5) ? random.next() : null,
            random.chance(0.5) ? 0.5 + 2 * random.next() : null,
            1_000 + random.below(1_000),
          ],
        );
        t.true((await calculateFrom(service, universe, date)).extents.every((extent) => extent === 'tail'));
        await compareIndexes(t, service, universe, `action of ${date}`);
      }
    }
  });
}

test('a bar that comes later in the running month, and a date that moves in it, leave one value of the month', async (t) => {
  const universe = universeOf('1month');
  let march: string | undefined;
  const service = await startWith(t, universe, () =>
    symbols.map((symbol, index) => {
      const date = index === 0 ? march : '2000-03-03';
      const before = [barOf('2000-01-31', 100), barOf('2000-02-29', 110)];
      return { symbol, prices: date === undefined ? before : [...before, barOf(date, 121)] };
    }),
  );
  const values = async () =>
    (
      await service.admin.query(
        `select index_value.date::text as date, round(value::numeric, 6)::float8 as value from index_value
         join market_index on id = index_id where code = 'equal_weighted_each_bar_price' order by 1`,
      )
    ).map(({ date, value }) => [date, value]);
  for (const date of [undefined, '2000-03-07', '2000-03-20', '2000-03-01']) {
    march = date;
    t.is((await service.refreshes.run({ universe: 'four', trigger: 'request' })).status, 'succeeded');
    t.deepEqual(await values(), [
      ['2000-01-31', 1000],
      ['2000-02-29', 1100],
      [date !== undefined && date > '2000-03-03' ? date : '2000-03-03', 1210],
    ]);
    await compareIndexes(t, service, universe, String(date));
  }
});

test('each value of an index with bars and actions on different days of a month has its explanation', async (t) => {
  const service = await setupUniverses(t);
  const constituents = ['AAA', 'BBB'].map((symbol) => ({ symbol }));
  const codes = indexMethods.filter((method) => method !== 'rebased' && method !== 'fixed_weights');
  const put = await service.put('desk', {
    title: 'x',
    source: 'upload',
    interval: '1month',
    assets: constituents,
    indexes: codes.map((code) => ({ code, name: code, method: code, return_type: 'total', constituents })),
  });
  t.is(put.status, 201, await put.text());
  await service.refreshes.run({ universe: 'desk', trigger: 'change' });
  // The bars of AAA are of the 10th day, those of BBB of the 20th. The actions are of the 15th: after the bar of AAA and before that of BBB.
  const months = `from asset, generate_series(0, 39) as month where symbol = any(array['AAA', 'BBB'])`;
  const dayOf = (day: string) => `(date '2020-01-01' + month * interval '1 month')::date + ${day}`;
  await service.admin.query(
    `insert into price (asset_id, date, close)
     select id, ${dayOf(`case symbol when 'AAA' then 9 else 19 end`)}, 50 + 10 * sin(month * id) ${months}`,
  );
  await service.admin.query(
    `insert into corporate_actions (asset_id, date, dividend, split_factor, shares)
     select id, ${dayOf('14')}, 0.5, case when month % 5 = 3 then 2 end, 1000 + month ${months}`,
  );
  await service.admin.query('update market_index set calculation = null');
  t.is((await service.refreshes.run({ universe: 'desk', trigger: 'request' })).status, 'succeeded');
  const explainIndex = createExplainIndex(service.database.reader, { use: (work) => work() });
  for (const code of codes) {
    const values = await service.admin.query(
      `select index_value.date::text as date, value from index_value
       join market_index on id = index_id where code = $1 order by 1`,
      [code],
    );
    t.true(values.length >= 39, code);
    for (const { date, value } of values) {
      t.is(String(date).slice(8), '20');
      const explained = await explainIndex(code, String(date));
      t.is(explained?.value, Number(value));
      // The number of shares of AAA comes after its first bar, so it counts from the next one on.
      const isFirst = code === 'capitalization_weighted' && String(date).startsWith('2020-01');
      t.is(explained?.constituents.length, isFirst ? 1 : 2, `${code} ${String(date)}`);
    }
  }
});
