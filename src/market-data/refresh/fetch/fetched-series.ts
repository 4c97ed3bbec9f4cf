import { removePart } from '#src/kernel/lists/removal.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../../indexes/universes.ts';
import { createTurns, type Turns } from '#src/kernel/streams/turns.ts';
import { decodeBars, encodeBars } from '../../providers/bar-text.ts';
import type { FetchedSeries } from '../../providers/provider.ts';
import type { SeriesSource } from '../../providers/series-sources.ts';
import { batchesOf } from '../../series/stored/batches.ts';

// SQL: fetched series are written and deleted as sets.

/** Older series are fetched again, because newer bars can exist. */
const maxAgeHours = 6;
/** The series of one statement are in memory at a time. */
const barsPerRead = 10_000;

type SizeRow = { readonly symbol: string; readonly since: string | null; readonly count: number };
type SeriesRow = { readonly symbol: string; readonly since: string | null; readonly bars: string };

/** What a refresh of the universe has fetched so far, in a table. */
export const createFetchedSeries = (
  { query }: { readonly query: Query },
  { name, interval, from, assets }: Universe,
  source: SeriesSource,
) => {
  const counts = new Map<string, number>();

  const addBatch = async (series: readonly FetchedSeries[], turns: Turns): Promise<void> => {
    const texts: string[] = [];
    for (const { prices } of series) texts.push(await encodeBars(prices, turns));
    await query(
      `insert into fetched_series (universe, symbol, source, price_interval, history_from, since, bar_count, bars)
       select $1, symbol, $2, $3, $4, since, bar_count, bars
       from unnest($5::text[], $6::date[], $7::int[], $8::text[]) as fetched (symbol, since, bar_count, bars)
       on conflict (universe, symbol) do update set source = excluded.source,
         price_interval = excluded.price_interval, history_from = excluded.history_from, since = excluded.since,
         bar_count = excluded.bar_count, bars = excluded.bars, fetched_at = excluded.fetched_at`,
      [
        name,
        source,
        interval,
        from,
        series.map(({ symbol }) => symbol),
        series.map(({ since = null }) => since),
        series.map(({ prices }) => prices.length),
        texts,
      ],
    );
    for (const { symbol, prices } of series) counts.set(symbol, prices.length);
  };

  return {
    /**
     * Finds the series of an earlier run that ended before it could apply them, if they are what this run asks for. A whole
     * history has more than its end, so it is used too. `since`: first wanted day by symbol.
     */
    find: async (since: ReadonlyMap<string, string>): Promise<void> => {
      const rows = await query<SizeRow>(
        `select symbol, since, bar_count as count from fetched_series
         where universe = $1 and source = $2 and price_interval = $3 and history_from = $4
           and fetched_at > now() - make_interval(hours => $5) and symbol = any($6::text[])`,
        [name, source, interval, from, maxAgeHours, assets.map(({ symbol }) => symbol)],
      );
      for (const { symbol, since: stored, count } of rows) {
        if (stored === null || since.get(symbol) === stored) counts.set(symbol, count);
      }
    },
    has: (symbol: string): boolean => counts.has(symbol),
    size: (): number => counts.size,
    bars: (): number => [...counts.values()].reduce((sum, count) => sum + count, 0),
    /** A few series are one statement, because their texts are escaped and sent in one turn of the event loop. */
    add: async (series: readonly FetchedSeries[], signal: AbortSignal): Promise<void> => {
      const turns = createTurns({ signal });
      for await (const batch of batchesOf(series, ({ prices }) => prices.length)) await addBatch(batch, turns);
    },
    /** The series, a few in memory at a time. It can be called again. */
    read: async function* (): AsyncGenerator<FetchedSeries> {
      let part: string[] = [];
      let bars = 0;
      const turns = createTurns();
      const readPart = async function* (): AsyncGenerator<FetchedSeries> {
        const rows = await query<SeriesRow>(
          `select symbol, since, bars from fetched_series where universe = $1 and symbol = any($2::text[])`,
          [name, part],
        );
        // Prices of a part of the assets must not be applied as those of all.
        if (rows.length !== part.length) throw new AppError('database_conflict', 'Fetched series were removed');
        for (const { symbol, since, bars: text } of rows) {
          yield { symbol, prices: await decodeBars(text, turns), ...(since !== null && { since }) };
        }
      };
      for (const [symbol, count] of counts) {
        if (part.length > 0 && bars + count > barsPerRead) {
          yield* readPart();
          part = [];
          bars = 0;
        }
        part.push(symbol);
        bars += count;
      }
      if (part.length > 0) yield* readPart();
    },
  };
};

/** Removes what was fetched for the universe. Call it in the transaction that applies it, or that changes the universe. */
export const removeFetchedSeries = async ({ query }: { readonly query: Query }, universe: string): Promise<void> => {
  await query('delete from fetched_series where universe = $1', [universe]);
};

const old = {
  table: 'fetched_series',
  where: `fetched_at < now() - make_interval(hours => $1) and not exists (
    select 1 from refresh where refresh.universe = fetched_series.universe and refresh.status = 'running')`,
  // A series can have some 100 KiB.
  rows: 1_000,
};

/** Removes a part of what no refresh has applied in time. A running refresh keeps its parts. @returns the number of series */
export const removeOldFetchedSeries = ({ query }: { readonly query: Query }): Promise<number> =>
  removePart(query, old, [maxAgeHours]);

/** Universes whose last refresh ended while it fetched. */
export const unfinishedUniverses = async ({ query }: Pick<Reader, 'query'>): Promise<ReadonlySet<string>> => {
  const rows = await query<{ universe: string }>(
    'select distinct universe from fetched_series where fetched_at > now() - make_interval(hours => $1)',
    [maxAgeHours],
  );
  return new Set(rows.map(({ universe }) => universe));
};
