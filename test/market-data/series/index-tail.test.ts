import test from 'ava';
import { createRandom } from '#load/histories/random.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { checkpointDays } from '#src/market-data/indexes/calculation/index-run.ts';
import { indexMethodRules, indexMethods } from '#src/market-data/indexes/index-methods.ts';
import type { IndexDefinition, Universe } from '#src/market-data/indexes/universes.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { calculateFrom, compareIndexes, startWith } from '../indexes/stored-indexes.ts';
import { setup } from '../setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

const symbols = ['A', 'B', 'C', 'D', 'E'];
type Variant = Pick<IndexDefinition, 'method' | 'rebalance' | 'returnType'>;
const terms: IndexDefinition['terms'] = new Map([
  ['A', { to: '2000-02-20' }],
  ['B', { from: '2000-01-25' }],
]);
const weights = new Map(symbols.map((symbol) => [symbol, { ...terms.get(symbol), weight: 0.2 }]));
/** Each method with each rebalancing, in turn as total return and as price return. */
const variants = indexMethods.flatMap((method) =>
  indexMethodRules[method].rebalances.map((rebalance, place): Variant => ({
    method,
    rebalance,
    returnType: place % 2 === 0 ? 'total' : 'price',
  })),
);
const universeOf = (indexes: readonly Variant[] = variants): Universe => ({
  name: 'five',
  interval: '1day',
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: indexes.map((index, place) => ({
    ...index,
    code: `FIVE_${place}`,
    name: index.method,
    constituents: index.method === 'rebased' ? ['C'] : ['C', 'A', 'E', 'B', 'D'],
    // Some indexes have members from the first day to the last.
    terms: index.method === 'fixed_weights' ? weights : index.returnType === 'total' ? terms : undefined,
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
  const service = await startWith(t, universe, () => [...bars].map(([symbol, prices]) => ({ symbol, prices })));
  for (let step = 0; step < 25; step += 1) {
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
    if (random.chance(0.5)) {
      const place = random.chance(0.5) ? 39 + step : random.below(40);
      await service.admin.query(
        `insert into corporate_actions select id, $2, $3, $4, $5 from asset where symbol = $1
         on conflict (asset_id, date) do update set shares = excluded.shares`,
        [
          symbols[random.below(5)],
          dayOf(place),
          random.chance(0.5) ? 0.1 + random.next() : null,
          random.chance(0.5) ? 0.5 + 2 * random.next() : null,
          1_000 + random.below(1_000),
        ],
      );
      await calculateFrom(service, universe, dayOf(place));
    }
    await compareIndexes(t, service, universe, `step ${step}`);
  }
  const [left] = await service.admin.query(
    'select max(count)::int as max from (select count(*) as count from index_checkpoint group by index_id) as counts',
  );
  t.true(Number(left?.['max']) <= 2 + Math.ceil(80 / checkpointDays), 'old checkpoints are removed');
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
    await compareIndexes(t, service, universe, damage);
  }
  const changed = universeOf(variants.toReversed());
  const other = createRefreshService({ ...deps, universes: fixedUniverses([changed]) });
  await other.run({ universe: 'five', trigger: 'request' });
  await compareIndexes(t, service, changed, 'a new definition');
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
  await compareIndexes(t, service, universe, 'shared');
});

test('a new day is calculated from a few closes, and an unchanged universe from none', async (t) => {
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: steady(400) }) },
    },
  });
  await service.refreshes.run({ universe: 'five', trigger: 'request' });
  const closesRead = async (from: string | null): Promise<number> => {
    let closes = 0;
    const counting =
      (query: Query): Query =>
      async (text, parameters) => {
        const found = await query(text, parameters);
        for (const { assets } of found)
          if (typeof assets === 'string') closes += (JSON.parse(assets) as number[]).length;
        return found as never;
      };
    await calculateFrom(service, universe, from, counting);
    return closes;
  };
  t.is(await closesRead(null), 0);
  t.is(await closesRead(dayOf(400)), 0, 'a day after the last one');
  t.is(await closesRead(dayOf(399)), 5, 'the last day');
  t.true((await closesRead(dayOf(300))) <= 5 * (100 + checkpointDays));
  t.is(await closesRead(dayOf(0)), 2_000);
  await compareIndexes(t, service, universe, 'the last day');
});
