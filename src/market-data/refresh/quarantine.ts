import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { FetchedSeries, FetchedUniverse, PriceBar } from '../providers/provider.ts';
import type { EnsuredIds } from './refresh-steps.ts';
import { arrayLiteral } from '../sql.ts';

/**
 * A bar that was not stored. `price` is the price that moved too far, `reference` the close that it was compared with.
 */
export type QuarantinedPrice = {
  readonly symbol: string;
  readonly date: string;
  readonly price: number;
  readonly reference: number;
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The reference of the first bar, if nothing is stored, is the median of this number of closes. */
const openingCloses = 5;

/** The factor, at least 1, between two prices. */
const moveOf = (price: number, reference: number): number => Math.max(price / reference, reference / price);

/** The first price of the bar that differs from `reference` by more than `factor`, if any. */
const outlier = ({ open, high, low, close }: PriceBar, reference: number, factor: number): number | undefined =>
  [close, open, high, low].find((price) => price !== null && moveOf(price, reference) > factor) ?? undefined;

/**
 * Splits a series into bars to store and bars whose price moved by more than `factor`, up or down. The reference of a
 * bar is the stored close of the same day. For a new day it is the previous close in the series. For the first bar it
 * is the median of the first five closes. `stored` maps dates to closes.
 */
export const splitSeries = (
  { symbol, prices }: FetchedSeries,
  stored: ReadonlyMap<string, number>,
  factor: number,
): { readonly accepted: FetchedSeries; readonly quarantined: readonly QuarantinedPrice[] } => {
  const accepted: PriceBar[] = [];
  const quarantined: QuarantinedPrice[] = [];
  let previous = median(prices.slice(0, openingCloses).map(({ close }) => close));
  for (const bar of prices) {
    const reference = stored.get(bar.date) ?? previous;
    const price = outlier(bar, reference, factor);
    if (price === undefined) accepted.push(bar);
    else quarantined.push({ symbol, date: bar.date, price, reference });
    previous = price === undefined ? bar.close : reference;
  }
  return { accepted: { symbol, prices: accepted }, quarantined };
};

export type Quarantine = {
  readonly accepted: FetchedUniverse;
  readonly quarantined: readonly QuarantinedPrice[];
};

/** Compares a fetched universe with the stored closes. Bars that moved too far are removed from it and recorded. */
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
  const split = fetched.series.map((series) => splitSeries(series, stored.get(series.symbol) ?? new Map(), factor));
  const quarantined = split.flatMap((series) => series.quarantined);
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
  return { accepted: { ...fetched, series: split.map(({ accepted }) => accepted) }, quarantined };
};
