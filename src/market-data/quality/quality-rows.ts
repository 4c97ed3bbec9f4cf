import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Interval } from '../series/periods.ts';
import { instant } from '../sql.ts';
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import type { Measured } from './measure-quality.ts';

/** The last check of a universe. */
export type StoredQuality = Measured & {
  readonly universe: string;
  /** The version and the exchange that were checked. */
  readonly version: number;
  readonly exchange: Exchange | null;
  readonly expected_day: string | null;
  /** The last commit of a refresh before the check. */
  readonly applied_at: string | null;
  /** Bars that this refresh held back. */
  readonly held_back: number;
  readonly measured_at: string;
};

const columns = `universe, version, exchange, expected_day, ${instant('applied_at')}, held_back, fresh, stale, missing,
  missing_recent, missing_older, missing_assets, newest_missing, ${instant('measured_at')}`;

/** A universe with what decides whether it must be checked again. */
export type CheckedUniverse = {
  readonly name: string;
  readonly version: number;
  readonly interval: Interval;
  readonly exchange: Exchange | null;
  readonly applied_at: string | null;
  readonly held_back: number;
};

/** The universes, or the one of that name, with their last committed refreshes. */
export const readUniverses = ({ query }: Reader, name?: string): Promise<CheckedUniverse[]> =>
  query<CheckedUniverse>(
    `select name, version, interval, definition ->> 'exchange' as exchange, ${instant('applied_at')},
       coalesce(quarantined, 0) as held_back
     from universe left join lateral (
       select refresh.applied_at, quarantined from refresh
       where refresh.universe = name and refresh.applied_at is not null order by refresh.applied_at desc limit 1
     ) as last on true where $1::text is null or name = $1 order by name`,
    [name ?? null],
  );

export const readQuality = ({ query }: Reader, name?: string): Promise<StoredQuality[]> =>
  query<StoredQuality>(`select ${columns} from universe_quality where $1::text is null or universe = $1`, [
    name ?? null,
  ]);

/** Stores a check, except if the universe was deleted meanwhile. SQL, because it is an upsert with these conditions. */
export const writeQuality = async (query: Query, quality: StoredQuality): Promise<void> => {
  await query(
    `insert into universe_quality (universe, version, exchange, expected_day, applied_at, held_back, fresh, stale, missing,
       missing_recent, missing_older, missing_assets, newest_missing, measured_at)
     select name, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14 from universe where name = $1 for share
     on conflict (universe) do update set version = $2, exchange = $3, expected_day = $4, applied_at = $5, held_back = $6,
       fresh = $7, stale = $8, missing = $9, missing_recent = $10, missing_older = $11, missing_assets = $12,
       newest_missing = $13::jsonb, measured_at = $14
     where universe_quality.measured_at <= $14`,
    [
      quality.universe,
      quality.version,
      quality.exchange,
      quality.expected_day,
      quality.applied_at,
      quality.held_back,
      quality.fresh,
      quality.stale,
      quality.missing,
      quality.missing_recent,
      quality.missing_older,
      quality.missing_assets,
      JSON.stringify(quality.newest_missing),
      quality.measured_at,
    ],
  );
};
