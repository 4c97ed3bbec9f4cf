import type { Transaction } from '#src/kernel/unit-of-work.ts';
import type { FetchedSeries, FetchedUniverse, PriceBar } from './provider.ts';
import type { EnsuredIds } from './refresh-steps.ts';
import { arrayLiteral } from './sql.ts';

/** A bar that was not stored, with the price that moved too far and the close that it was held against. */
export type QuarantinedPrice = {
  readonly symbol: string;
  readonly date: string;
  readonly price: number;
  readonly reference: number;
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** How many closes speak for the first bar of an asset of which nothing is stored. */
const openingCloses = 5;

const moved = (price: number, reference: number): number => Math.max(price / reference, reference / price);

/** The bar's price furthest from `reference`, if it is further than `factor`. */
const outlier = ({ open, high, low, close }: PriceBar, reference: number, factor: number): number | undefined =>
  [close, open, high, low].find((price) => price !== null && moved(price, reference) > factor) ?? undefined;

/**
 * Splits a series into what may be stored and what moved by more than `factor`, up or down: against the stored close of
 * the same day, for a new day against the close before it, at the very beginning against the median of the first five.
 */
export const sortOut = (
  { symbol, prices }: FetchedSeries,
  stored: ReadonlyMap<string, number>,
  factor: number,
): { readonly kept: FetchedSeries; readonly quarantined: readonly QuarantinedPrice[] } => {
  const kept: PriceBar[] = [];
  const quarantined: QuarantinedPrice[] = [];
  let previous = median(prices.slice(0, openingCloses).map(({ close }) => close));
  for (const bar of prices) {
    const reference = stored.get(bar.date) ?? previous;
    const price = outlier(bar, reference, factor);
    if (price === undefined) kept.push(bar);
    else quarantined.push({ symbol, date: bar.date, price, reference });
    previous = price === undefined ? bar.close : reference;
  }
  return { kept: { symbol, prices: kept }, quarantined };
};

export type Quarantine = {
  readonly kept: FetchedUniverse;
  readonly quarantined: readonly QuarantinedPrice[];
};

/** Sorts out a whole universe against what is stored, and records what is held back beside the refresh. */
export const quarantinePrices = async (
  { query }: Pick<Transaction, 'query'>,
  ids: Pick<EnsuredIds, 'assets'>,
  fetched: FetchedUniverse,
  { refreshId, factor }: { readonly refreshId: string; readonly factor: number },
): Promise<Quarantine> => {
  const symbols = new Map([...ids.assets].map(([symbol, id]) => [id, symbol]));
  const stored = new Map([...ids.assets.keys()].map((symbol) => [symbol, new Map<string, number>()]));
  const rows = await query<{ asset_id: number; date: string; close: number }>(
    'select asset_id, date, close from price where asset_id = any($1::int[])',
    [arrayLiteral([...ids.assets.values()])],
  );
  for (const { asset_id: id, date, close } of rows) stored.get(symbols.get(id) ?? '')?.set(date, close);
  const sorted = fetched.series.map((series) => sortOut(series, stored.get(series.symbol) ?? new Map(), factor));
  const quarantined = sorted.flatMap((each) => each.quarantined);
  if (quarantined.length > 0) {
    await query(
      `insert into price_quarantine (refresh_id, asset_id, date, price, reference)
       select $1, * from unnest($2::int[], $3::date[], $4::float8[], $5::float8[])`,
      [
        refreshId,
        arrayLiteral(quarantined.map(({ symbol }) => ids.assets.get(symbol) ?? null)),
        arrayLiteral(quarantined.map(({ date }) => date)),
        arrayLiteral(quarantined.map(({ price }) => price)),
        arrayLiteral(quarantined.map(({ reference }) => reference)),
      ],
    );
  }
  return { kept: { ...fetched, series: sorted.map(({ kept }) => kept) }, quarantined };
};
