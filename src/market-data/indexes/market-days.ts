import { addDays } from '#src/kernel/calendar.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { arrayLiteral } from '../sql.ts';
import type { MarketDay } from './calculation/index-day.ts';
import { actionsOf, earlyActions, readActions, type ActionsRow } from './market-actions.ts';

type Query = Pick<Transaction, 'query'>;

/**
 * Closes of one statement: about 10 MB of text. Each statement looks every asset up in the primary key, so small ones
 * would read the same pages again and again.
 */
const closesPerRead = 320_000;

/** `firstAction`: the day of the first action. Null if there is none, or if none can be before `first`. */
type Span = { readonly first: string; readonly last: string; readonly firstAction: string | null };

const pricedOf = ({ assets, priced = assets }: DaysRequest): string => arrayLiteral(priced);

/** From the day `start` on. Null: from the first stored day on. */
const storedSpan = async ({ query }: Query, request: DaysRequest, start: string | null): Promise<Span | undefined> => {
  const [row] = await query<Record<keyof Span, string | null>>(
    `select min(span.first) as first, max(span.last) as last, (
       select min(action.first) from unnest($1::int[]) as wanted (id) cross join lateral (
         select min(date) as first from corporate_actions
         where asset_id = wanted.id and date >= coalesce($2::date, '-infinity')
       ) as action
     ) as "firstAction"
     from unnest($3::int[]) as wanted (id) cross join lateral (
       select min(date) as first, max(date) as last from price
       where asset_id = wanted.id and date >= coalesce($2::date, '-infinity')
     ) as span`,
    [arrayLiteral(request.assets), start, pricedOf(request)],
  );
  const { first, last, firstAction = null } = row ?? {};
  return first && last ? { first, last, firstAction } : undefined;
};

const spanOf = async (transaction: Query, request: DaysRequest, daysPerRead: number): Promise<Span | undefined> => {
  const { from, after, to } = request;
  // One read has all of these days, so it is not needed to know which of them are stored. Each statement takes a turn of the event loop.
  if (after !== null && to !== null && to <= addDays(after, daysPerRead))
    return { first: addDays(after, 1), last: to, firstAction: null };
  if (after !== null) return storedSpan(transaction, request, addDays(after, 1));
  // The actions before the first close are read apart.
  const span = await storedSpan(transaction, request, from ?? null);
  return span && { ...span, firstAction: null };
};

/** The closes of a day, as JSON arrays. */
type ClosesRow = { readonly date: string; readonly assets: string; readonly closes: string };

/**
 * The closes as two JSON arrays for each day, because one row for each close takes several times as long to parse. `offset
 * 0` keeps the lateral join, which reads only the wanted rows of each asset. A join could read the whole table.
 */
const readCloses = ({ query }: Query, assets: string, from: string, to: string) =>
  query<ClosesRow>(
    `select date, '[' || string_agg(asset_id::text, ',') || ']' as assets,
       '[' || string_agg(close::text, ',') || ']' as closes
     from unnest($1::int[]) as wanted (id) cross join lateral (
       select asset_id, date, close from price where asset_id = wanted.id and date between $2 and $3 offset 0
     ) as stored
     group by date order by date`,
    [assets, from, to],
  );

const dayWithoutCloses = (row: ActionsRow): MarketDay => ({
  date: row.date,
  assets: [],
  closes: [],
  actions: actionsOf(row),
});

/** The first day after `after` with an action. */
const nextActionDay = async ({ query }: Query, assets: string, after: string): Promise<string | undefined> => {
  const [row] = await query<{ date: string | null }>(
    `select min(action.first) as date from unnest($1::int[]) as wanted (id) cross join lateral (
       select min(date) as first from corporate_actions where asset_id = wanted.id and date > $2
     ) as action`,
    [assets, after],
  );
  return row?.date ?? undefined;
};

/**
 * The days with actions from `from` on and before `end`, after days with closes, for which no closes are read. One statement reads as many days as
 * one of closes, because an asset has at most one action on a day. After days without actions the next day with one is looked up, because
 * a file can have a split of the year 1000.
 */
const actionDays = async function* (
  transaction: Query,
  assets: string,
  { from, end, daysPerRead }: { readonly from: string; readonly end: string; readonly daysPerRead: number },
): AsyncGenerator<MarketDay> {
  let start: string | undefined = from;
  while (start !== undefined && start < end) {
    const until: string = [addDays(start, daysPerRead - 1), addDays(end, -1)].toSorted()[0]!;
    const rows = await readActions(transaction, assets, start, until);
    for (const row of rows) yield dayWithoutCloses(row);
    start = rows.length > 0 ? addDays(until, 1) : await nextActionDay(transaction, assets, until);
  }
};

/** The days of one read with their closes and actions. The closes and actions of each day are parsed when it is its turn. */
const daysOf = function* (rows: readonly ClosesRow[], actions: readonly ActionsRow[]): Generator<MarketDay> {
  let next = 0;
  for (const { date, assets, closes } of rows) {
    for (; next < actions.length && actions[next]!.date < date; next += 1) yield dayWithoutCloses(actions[next]!);
    const ofDay = actions[next]?.date === date ? actions[next] : undefined;
    const own = ofDay ? actionsOf(ofDay) : [];
    if (ofDay) next += 1;
    yield { date, actions: own, assets: JSON.parse(assets) as number[], closes: JSON.parse(closes) as number[] };
  }
  for (; next < actions.length; next += 1) yield dayWithoutCloses(actions[next]!);
};

export type DaysRequest = {
  readonly assets: readonly number[];
  /** The assets whose closes are read. Default: all. Actions are those of all assets. */
  readonly priced?: readonly number[];
  /** The first day whose closes count. Undefined: the first one that is stored. */
  readonly from?: string | undefined;
  /** Only later days are read. Null: from the first day that counts on, with the actions before it that count. */
  readonly after: string | null;
  /** The last day to read. Null: the last one that is stored. */
  readonly to: string | null;
  /** Ends the reads with its reason between two days. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * The days on which the assets have closes or actions, oldest first. The closes and actions of some days are in memory as
 * text, those of one day as numbers. The event loop gets a turn between two days when the work with them has lasted.
 */
export const marketDays = async function* (transaction: Query, request: DaysRequest): AsyncGenerator<MarketDay> {
  const { assets, to, signal } = request;
  const daysPerRead = Math.max(1, Math.floor(closesPerRead / assets.length));
  const ids = arrayLiteral(assets);
  const pricedIds = pricedOf(request);
  const turns = createTurns({ signal });
  let span = await spanOf(transaction, request, daysPerRead);
  if (!span) return;
  const last = to !== null && to < span.last ? to : span.last;
  if (request.after === null && span.first <= last) {
    for await (const row of earlyActions(transaction, assets, span.first)) {
      yield dayWithoutCloses(row);
      await turns.give();
    }
  }
  while (span && span.first <= last) {
    signal?.throwIfAborted();
    const { first, firstAction } = span;
    for await (const day of actionDays(transaction, ids, { from: firstAction ?? first, end: first, daysPerRead })) {
      yield day;
      await turns.give();
    }
    const until = addDays(first, daysPerRead - 1);
    const end = until < last ? until : last;
    const rows = await readCloses(transaction, pricedIds, first, end);
    for (const day of daysOf(rows, await readActions(transaction, ids, first, end))) {
      yield day;
      await turns.give();
    }
    // After days without closes the next day with one is looked up, because a series can have a gap of centuries.
    if (end === last) return;
    span =
      rows.length > 0
        ? { first: addDays(end, 1), last, firstAction: null }
        : await storedSpan(transaction, request, addDays(end, 1));
  }
};
