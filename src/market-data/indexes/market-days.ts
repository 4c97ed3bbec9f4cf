import { addDays } from '#src/kernel/calendar.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { arrayLiteral } from '../sql.ts';
import type { MarketAction, MarketDay } from './calculation/index-run.ts';

type Query = Pick<Transaction, 'query'>;

/**
 * Closes of one statement: about 10 MB of text. Each statement looks every asset up in the primary key, so small ones
 * would read the same pages again and again.
 */
const closesPerRead = 320_000;

const storedSpan = async (
  { query }: Query,
  assets: readonly number[],
  after: string | null,
): Promise<{ readonly first: string; readonly last: string } | undefined> => {
  const [row] = await query<{ first: string | null; last: string | null }>(
    `select min(span.first) as first, max(span.last) as last
     from unnest($1::int[]) as wanted (id) cross join lateral (
       select min(date) as first, max(date) as last from price
       where asset_id = wanted.id and date > coalesce($2::date, '-infinity')
     ) as span`,
    [arrayLiteral(assets), after],
  );
  const { first, last } = row ?? {};
  return first && last ? { first, last } : undefined;
};

const spanOf = async (
  transaction: Query,
  { assets, after, to }: DaysRequest,
  daysPerRead: number,
): Promise<{ readonly first: string; readonly last: string } | undefined> => {
  // One read has all of these days, so it is not needed to know which of them are stored. Each statement takes a turn of the event loop.
  if (after !== null && to !== null && to <= addDays(after, daysPerRead)) return { first: addDays(after, 1), last: to };
  return storedSpan(transaction, assets, after);
};

/**
 * The closes as two JSON arrays for each day, because one row for each close takes several times as long to parse. `offset
 * 0` keeps the lateral join, which reads only the wanted rows of each asset. A join could read the whole table.
 */
const readCloses = ({ query }: Query, assets: string, from: string, to: string) =>
  query<{ date: string; assets: string; closes: string }>(
    `select date, '[' || string_agg(asset_id::text, ',') || ']' as assets,
       '[' || string_agg(close::text, ',') || ']' as closes
     from unnest($1::int[]) as wanted (id) cross join lateral (
       select asset_id, date, close from price where asset_id = wanted.id and date between $2 and $3 offset 0
     ) as stored
     group by date order by date`,
    [assets, from, to],
  );

/** The actions of a day, as JSON arrays. */
type ActionsRow = {
  readonly date: string;
  readonly assets: string;
  readonly dividends: string;
  readonly splits: string;
  readonly shares: string;
};

/** As arrays like the closes, because a file can have the shares of each asset on each day. */
const readActions = ({ query }: Query, assets: string, after: string | null, to: string) => {
  const listOf = (column: string): string => `'[' || string_agg(${column}::text, ',' order by asset_id) || ']'`;
  const numbersOf = (column: string): string => listOf(`coalesce(${column}::text, 'null')`);
  return query<ActionsRow>(
    `select date, ${listOf('asset_id')} as assets, ${numbersOf('dividend')} as dividends,
       ${numbersOf('split_factor')} as splits, ${numbersOf('shares')} as shares
     from corporate_actions
     where asset_id = any($1::int[]) and date > coalesce($2::date, '-infinity') and date <= $3
     group by date order by date`,
    [assets, after, to],
  );
};

const actionsOf = ({ date, ...texts }: ActionsRow): MarketAction[] => {
  const assets = JSON.parse(texts.assets) as number[];
  const numbers = (text: string) => JSON.parse(text) as (number | null)[];
  const [dividends, splits, shares] = [numbers(texts.dividends), numbers(texts.splits), numbers(texts.shares)];
  return assets.map((asset, index) => ({
    asset,
    date,
    dividend: dividends[index] ?? NaN,
    split: splits[index] ?? NaN,
    shares: shares[index] ?? NaN,
  }));
};

export type DaysRequest = {
  readonly assets: readonly number[];
  /** Only later days are read. Null: from the first day on. */
  readonly after: string | null;
  /** The last day to read. Null: the last one that is stored. */
  readonly to: string | null;
  /** Ends the reads with its reason between two days. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * The days on which the assets have closes, oldest first. The closes of some days are in memory as text, those of one day
 * as numbers. The event loop gets a turn between two days when the work with them has lasted.
 */
export const marketDays = async function* (transaction: Query, request: DaysRequest): AsyncGenerator<MarketDay> {
  const { assets, after, to, signal } = request;
  const daysPerRead = Math.max(1, Math.floor(closesPerRead / assets.length));
  const span = await spanOf(transaction, request, daysPerRead);
  if (!span) return;
  const last = to !== null && to < span.last ? to : span.last;
  const ids = arrayLiteral(assets);
  const turns = createTurns({ signal });
  let pending: ActionsRow[] = [];
  let actionsUntil = after;
  let from: string | undefined = span.first;
  while (from !== undefined && from <= last) {
    signal?.throwIfAborted();
    const until = addDays(from, daysPerRead - 1);
    const end = until < last ? until : last;
    const rows = await readCloses(transaction, ids, from, end);
    pending = pending.concat(await readActions(transaction, ids, actionsUntil, end));
    actionsUntil = end;
    for (const { date, assets: dayAssets, closes } of rows) {
      const later = pending.findIndex((each) => each.date > date);
      const actions = (later === -1 ? pending : pending.slice(0, later)).flatMap(actionsOf);
      pending = later === -1 ? [] : pending.slice(later);
      yield { date, actions, assets: JSON.parse(dayAssets) as number[], closes: JSON.parse(closes) as number[] };
      await turns.give();
    }
    // After days without closes the next day with one is looked up, because a series can have a gap of centuries.
    if (end === last) return;
    from = rows.length > 0 ? addDays(end, 1) : (await storedSpan(transaction, assets, end))?.first;
  }
};
