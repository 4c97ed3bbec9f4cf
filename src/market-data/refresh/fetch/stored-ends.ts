import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../../indexes/universes.ts';
import type { SeriesSource } from '../../providers/series-sources.ts';
import { firstDayOfPeriod } from '../../series/periods.ts';

/** Bars of the stored end that a refresh asks for again. More than the five bars that prove a factor of prices. */
export const overlapBars = 10;

/** The end of a stored series: its asset, and the first day that a refresh asks for. */
export type StoredEnd = { readonly asset: number; readonly from: string };

type EndRow = { readonly symbol: string; readonly asset: number; readonly date: string };

/**
 * The ends of those series of the universe whose history is known: it was fetched as a whole from this source, from the
 * first day of the universe or an earlier one, within `historyDays`. By symbol.
 */
export const readStoredEnds = async (
  { query }: Pick<Reader, 'query'>,
  { assets, from, interval }: Universe,
  { source, historyDays }: { readonly source: SeriesSource; readonly historyDays: number },
): Promise<ReadonlyMap<string, StoredEnd>> => {
  if (historyDays === 0) return new Map();
  const rows = await query<EndRow>(
    `select symbol, asset.id as asset, overlap.date
     from unnest($1::text[]) as wanted (symbol) join asset using (symbol) cross join lateral (
       select date from price where asset_id = asset.id order by date desc offset $6 limit 1
     ) as overlap
     where price_source = $2 and price_interval = $3 and history_from <= $4
       and history_at > now() - make_interval(days => $5)`,
    [assets.map(({ symbol }) => symbol), source, interval, from, historyDays, overlapBars - 1],
  );
  return new Map(rows.map(({ symbol, asset, date }) => [symbol, { asset, from: firstDayOfPeriod(date, interval) }]));
};
