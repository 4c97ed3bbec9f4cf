import test, { type ExecutionContext } from 'ava';
import { createRandom } from '#load/histories/random.ts';
import { calculateIndexValues } from '#src/market-data/indexes/calculate-index-values.ts';
import { indexCalculators, type Close } from '#src/market-data/indexes/index-calculators.ts';
import { indexMethods, type Universe } from '#src/market-data/indexes/universes.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { setup, type Setup } from '../setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

const symbols = ['A', 'B', 'C', 'D', 'E'];
const universeOf = (methods: readonly (typeof indexMethods)[number][] = indexMethods): Universe => ({
  name: 'five',
  interval: '1day',
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: methods.map((method, index) => ({
    code: `FIVE_${index}`,
    name: method,
    method,
    constituents: method === 'rebased' ? ['C'] : ['C', 'A', 'E', 'B', 'D'],
  })),
});
const universe = universeOf();
const dayOf = (day: number): string => new Date(Date.UTC(2000, 0, 3 + day)).toISOString().slice(0, 10);
const barOf = (day: number, close: number): PriceBar => ({
  date: dayOf(day),
  open: null,
  high: null,
  low: null,
  close,
  volume: null,
});

/** The stored values of each index, and the same calculated from all stored prices. */
const compare = async (t: ExecutionContext, { admin }: Setup, { indexes }: Universe, label: string): Promise<void> => {
  for (const { code, method, constituents } of indexes) {
    const series: Close[][] = [];
    for (const symbol of constituents) {
      const rows = await admin.query(
        'select date::text as date, close from price join asset on id = asset_id where symbol = $1 order by date',
        [symbol],
      );
      series.push(rows as Close[]);
    }
    const stored = await admin.query(
      `select index_value.date::text as date, value from index_value join market_index on id = index_id
       where code = $1 order by date`,
      [code],
    );
    t.deepEqual(stored, indexCalculators[method](series), `${label} ${code}`);
  }
};

test('after random changes of prices each stored index value is that of a full calculation, to the last digit', async (t) => {
  const random = createRandom(11);
  const bars = new Map(
    symbols.map((symbol, index) => {
      let close = 10 + 100 * random.next();
      const all = Array.from({ length: 40 }, (_, day) => barOf(day, (close *= 0.97 + 0.06 * random.next())));
      // Each asset begins later than the one before, and lacks some days.
      return [symbol, all.slice(index * 5).filter(() => random.chance(0.9))] as const;
    }),
  );
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: {
        source: 'sample',
        fetch: async () => ({
          source: 'provider',
          series: [...bars].map(([symbol, prices]) => ({ symbol, prices })),
        }),
      },
    },
  });
  for (let step = 0; step < 40; step += 1) {
    for (const symbol of symbols) {
      const all = bars.get(symbol)!;
      const place = random.below(all.length);
      if (random.chance(0.1)) all[place] = { ...all[place]!, close: all[place]!.close * (0.9 + 0.2 * random.next()) };
      if (random.chance(0.05) && all.length > 30) all.splice(place, 1);
      if (random.chance(0.02))
        bars.set(
          symbol,
          all.map((bar) => ({ ...bar, close: bar.close / 2 })),
        );
      if (random.chance(0.8))
        bars.get(symbol)!.push(barOf(40 + step, all.at(-1)!.close * (0.97 + 0.06 * random.next())));
    }
    const record = await service.refreshes.run({ universe: 'five', trigger: 'request' });
    t.is(record.status, 'succeeded');
    const [row] = await service.admin.query('select count(*)::int as count from index_value');
    t.is(record.index_values, Number(row?.['count']), 'the record counts all values');
    await compare(t, service, universe, `step ${step}`);
  }
});

const steady = (days: number) =>
  symbols.map((symbol, asset) => ({
    symbol,
    prices: Array.from({ length: days }, (_, day) => barOf(day, 50 + asset + Math.sin(day * (asset + 1)))),
  }));

test('values that another program changed, and a new definition, are calculated from all closes', async (t) => {
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: steady(60) }) },
    },
  });
  const { refreshes, admin, deps } = service;
  await refreshes.run({ universe: 'five', trigger: 'request' });
  for (const damage of [
    'update index_value set value = value + 1 where date = (select min(date) from index_value)',
    `delete from index_value where date = '2000-01-20'`,
    `insert into index_value select id, '1999-01-01', 1 from market_index`,
    `update market_index set calculation = null`,
  ]) {
    await admin.query(damage);
    await refreshes.run({ universe: 'five', trigger: 'request' });
    await compare(t, service, universe, damage);
  }
  const changed = universeOf(['price_weighted', 'equal_weighted', 'rebased']);
  const other = createRefreshService({ ...deps, universes: fixedUniverses([changed]) });
  await other.run({ universe: 'five', trigger: 'request' });
  await compare(t, service, changed, 'a new definition');
});

test('prices that the refresh of another universe has changed reach the indexes of a universe that shares them', async (t) => {
  let factor = 1;
  const second = { ...universe, name: 'second', indexes: [] };
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe, second]),
      provider: {
        source: 'sample',
        fetch: async () => ({
          source: 'provider',
          series: steady(60).map(({ symbol, prices }) => ({
            symbol,
            prices: symbol === 'A' ? prices.map((bar) => ({ ...bar, close: bar.close * factor })) : prices,
          })),
        }),
      },
    },
  });
  await service.refreshes.run({ universe: 'five', trigger: 'request' });
  factor = 1.3;
  await service.refreshes.run({ universe: 'second', trigger: 'request' });
  await service.refreshes.run({ universe: 'five', trigger: 'request' });
  await compare(t, service, universe, 'shared');
});

test('a new day is calculated from a few closes, and an unchanged universe from none', async (t) => {
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: steady(400) }) },
    },
  });
  const { refreshes, admin, database } = service;
  await refreshes.run({ universe: 'five', trigger: 'request' });
  const idsOf = async (text: string) =>
    new Map((await admin.query(text)).map(({ name, id }) => [String(name), Number(id)] as const));
  const ids = {
    assets: await idsOf('select symbol as name, id from asset'),
    indexes: await idsOf('select code as name, id from market_index'),
  };
  const rowsRead = (from: string | null): Promise<number> =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, async ({ query }) => {
      let rows = 0;
      const counting: typeof query = async (text, parameters) => {
        const found = await query(text, parameters);
        if (text.includes('from price')) rows += found.length;
        return found as never;
      };
      await calculateIndexValues({ query: counting }, ids, universe, { from, sharedSymbols: new Set() });
      return rows;
    });
  t.is(await rowsRead(null), 0);
  const newest = await rowsRead(dayOf(399));
  t.true(newest > 0 && newest <= 40, String(newest));
  t.true((await rowsRead(dayOf(0))) >= 2_000);
  await compare(t, service, universe, 'the last day');
});
