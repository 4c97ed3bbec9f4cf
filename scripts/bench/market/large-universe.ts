import type { Client } from 'pg';
import type { IndexDefinition, Universe } from '#src/market-data/indexes/universes.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { toDocument } from '#src/market-data/universes/universe-document.ts';

export const indexCodes = ['EW', 'PW', 'CW', 'FW'] as const;

export const dayOf = (day: number): string => new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10);

/** The bar that `fillPrices` stores. All numbers are exact in both languages, so that the overlap is equal. */
export const barOf = (asset: number, day: number): PriceBar => {
  const close = 100 + asset / 8 + ((day * 7 + asset * 13) % 64) / 16;
  return { date: dayOf(day), open: close, high: close + 1, low: close - 1, close, volume: 1_000 };
};

const fillPrices = `insert into price (asset_id, date, open, high, low, close, volume)
  select asset, date '2000-01-01' + day, close, close + 1, close - 1, close, 1000
  from generate_series(1, $1::int) as asset, generate_series(0, $2::int - 1) as day,
    lateral (select 100 + asset / 8.0::float8 + ((day * 7 + asset * 13) % 64) / 16.0::float8 as close) as bar`;

const fillStatements = [
  `insert into asset (symbol, name, exchange, currency, price_source, price_interval, history_from, history_at)
   select 'S' || n, 'S' || n, 'X', 'USD', 'twelve_data', '1day', '2000-01-01', now() from generate_series(1, $1::int) as n`,
  fillPrices,
  `insert into corporate_actions (asset_id, date, shares)
   select n, '2000-01-01', 1000 + n from generate_series(1, $1::int) as n`,
  `insert into corporate_actions (asset_id, date, dividend)
   select asset, date '2000-01-01' + 90 * quarter, 0.5
   from generate_series(1, $1::int) as asset, generate_series(1, ($2::int - 1) / 90) as quarter`,
];

const universeOf = (assetCount: number): Universe => {
  const constituents = Array.from({ length: assetCount }, (_, asset) => `S${asset + 1}`);
  const index = (
    code: (typeof indexCodes)[number],
    rest: Pick<IndexDefinition, 'method'> & Partial<IndexDefinition>,
  ) => ({
    code,
    name: code,
    constituents,
    ...rest,
  });
  return {
    name: 'large',
    interval: '1day',
    from: '2000-01-01',
    assets: constituents.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
    indexes: [
      index('EW', { method: 'equal_weighted' }),
      index('PW', { method: 'price_weighted' }),
      index('CW', { method: 'capitalization_weighted', returnType: 'total' }),
      index('FW', {
        method: 'fixed_weights',
        rebalance: 'monthly',
        terms: new Map(constituents.map((symbol) => [symbol, { weight: 1 / assetCount }])),
      }),
    ],
  };
};

/** Makes a universe with so many assets and bars of each, as if its whole history had been fetched just now. */
export const fillMarket = async (client: Client, assetCount: number, barCount: number): Promise<void> => {
  // Without the check of the foreign key of each row.
  await client.query('set session_replication_role = replica');
  for (const statement of fillStatements) {
    await client.query(statement, statement.includes('$2') ? [assetCount, barCount] : [assetCount]);
  }
  const { assets, indexes, ...universe } = universeOf(assetCount);
  await client.query(
    `insert into universe (name, version, origin, source, interval, definition, created_at, updated_at)
     values ('large', 1, 'api', 'provider', '1day', $1, now(), now())`,
    [JSON.stringify(toDocument('', { ...universe, assets, indexes }))],
  );
  await client.query('insert into universe_asset select $1, * from unnest($2::text[])', [
    'large',
    assets.map(({ symbol }) => symbol),
  ]);
  await client.query('insert into universe_index select *, $1 from unnest($2::text[])', ['large', indexCodes]);
  await client.query('vacuum analyze');
};
