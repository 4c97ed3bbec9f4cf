import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { notConnected } from './connections.ts';
import type { SharedPlaces } from '#src/kernel/requests/callers/shared-places.ts';

export type StoredEvent = {
  readonly id: string;
  readonly status: 'confirmed' | 'tentative';
  readonly summary: string | null;
  readonly location: string | null;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly all_day: boolean;
  readonly time_zone: string | null;
  readonly recurring_event_id: string | null;
  readonly original_start: string | null;
  readonly link: string | null;
  readonly updated_at: Date | null;
};

export type Events = {
  /**
   * Events that take place on the days from `from` to `to` (UTC), by start.
   * @param symbol only events whose summary names this symbol
   * @throws AppError `calendar_not_connected`; with a symbol also as `SharedPlaces.use`
   */
  readonly list: (owner: Owner, page: PageRequest, symbol?: string) => Promise<readonly StoredEvent[]>;
};

/** The position of an event in the list: its start and its id. */
export const positionOf = ({ starts_at: start, id }: Pick<StoredEvent, 'starts_at' | 'id'>): string =>
  `${start.toISOString()}/${id}`;

/** Splits at the first `/`, because the instant has none. */
const positionIn = (after: string | null): readonly [start: string | null, id: string | null] => {
  if (after === null) return [null, null];
  const end = after.indexOf('/');
  return [after.slice(0, end), after.slice(end + 1)];
};

/**
 * The regular expression for a text that names the symbol: as a word of its own, in the same case, because `IT` and `ALL` are
 * symbols too. `BRK.B` does not name `BRK`, and `^GSPC` does not name `GSPC`; `NASDAQ:AAPL`, `(AAPL)` and `AAPL's` name `AAPL`.
 */
const namePattern = (symbol: string): string =>
  `(?<![[:alnum:]_^.-])${symbol.replaceAll(/[.^-]/g, '\\$&')}(?![[:alnum:]_]|[.-][[:alnum:]])`;

// `strpos` is much cheaper than the pattern, so it comes first.
const listSql = `select event_id as id, status, summary, location, starts_at, ends_at, all_day, time_zone,
    recurring_event_id, original_start, link, updated_at
  from calendar_event
  where connection_id = $1
    and ($2::date is null or ends_at > $2::date::timestamp at time zone 'UTC'
      or (ends_at = starts_at and starts_at >= $2::date::timestamp at time zone 'UTC'))
    and ($3::date is null or starts_at < ($3::date + 1)::timestamp at time zone 'UTC')
    and ($4::timestamptz is null or (starts_at, event_id) > ($4, $5))
    and case when $7::text is null then true when strpos(summary, $7) > 0 then summary ~ $8 else false end
  order by starts_at, event_id limit $6`;

export type EventsDeps = { readonly reader: Reader; readonly searchPlaces: SharedPlaces };

export const createEvents = ({ reader, searchPlaces }: EventsDeps): Events => ({
  list: async ({ kind, id }, { after, from, to, limit }, symbol) => {
    const [connection] = await reader.query<{ id: string }>(
      'select id from calendar_connection where owner_kind = $1 and owner_id = $2',
      [kind, id],
    );
    if (!connection) throw notConnected();
    const read = (named: readonly (string | null)[]): Promise<StoredEvent[]> =>
      reader.query<StoredEvent>(listSql, [connection.id, from, to, ...positionIn(after), limit, ...named]);
    // Without a symbol an index ends the statement after `limit` rows.
    if (symbol === undefined) return read([null, null]);
    return searchPlaces.use(() => read([symbol, namePattern(symbol)]));
  },
});
