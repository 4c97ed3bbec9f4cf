import type { ExecutionContext } from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { calculateIndexValues, type CalculatedIndexes } from '#src/market-data/indexes/calculate-index-values.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { indexPoints, type Action, type Close } from '#testkit/market-data/index-points.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { setup, type Setup } from '../setup.ts';

type Series = { readonly symbol: string; readonly prices: readonly PriceBar[] };

/** A service with one universe, whose provider has these series at the time of each fetch. */
export const startWith = (t: ExecutionContext, universe: Universe, series: () => readonly Series[]): Promise<Setup> =>
  setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: [...series()] }) },
    },
  });

/** The stored values of each index, and the same calculated from all stored prices. */
export const compareIndexes = async (
  t: ExecutionContext,
  { admin }: Setup,
  { indexes, interval }: Universe,
  label: string,
): Promise<void> => {
  const closes = new Map<unknown, Close[]>();
  const rows = await admin.query(
    'select symbol, date::text as date, close from price join asset on id = asset_id order by date',
  );
  for (const { symbol, ...row } of rows) closes.set(symbol, [...(closes.get(symbol) ?? []), row as Close]);
  const actions = await admin.query(
    `select symbol, date::text as date, dividend, split_factor as split, shares
     from corporate_actions join asset on id = asset_id`,
  );
  for (const definition of indexes) {
    const { code, constituents } = definition;
    const series = constituents.map((symbol) => closes.get(symbol) ?? []);
    const stored = await admin.query(
      `select index_value.date::text as date, value from index_value join market_index on id = index_id
       where code = $1 order by date`,
      [code],
    );
    const known = actions.map(({ symbol, date, dividend, split, shares }) => ({
      symbol,
      date,
      dividend: dividend ?? NaN,
      split: split ?? NaN,
      shares: shares ?? NaN,
    })) as Action[];
    const own = known.filter(({ symbol }) => constituents.includes(symbol));
    t.deepEqual(stored, indexPoints(definition, series, own, interval), `${label} ${code}`);
  }
};

/** Calculates the indexes as a refresh does whose first changed day is `from`. */
export const calculateFrom = async (
  { admin, database }: Setup,
  of: Universe,
  from: string | null,
  wrap = (query: Query): Query => query,
): Promise<CalculatedIndexes> => {
  const idsOf = async (text: string) =>
    new Map((await admin.query(text)).map(({ name, id }) => [String(name), Number(id)] as const));
  const ids = {
    assets: await idsOf('select symbol as name, id from asset'),
    indexes: await idsOf('select code as name, id from market_index'),
  };
  return database.unitOfWork.run({ operation: 'refresh.apply' }, async ({ query }) =>
    calculateIndexValues({ query: wrap(query) }, ids, of, { from, sharedSymbols: new Set() }),
  );
};
