import { nextRun, type Schedule } from '#src/kernel/time/schedules.ts';
import type { RefreshSchedules } from './schedules/refresh-schedules.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader, SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import type { MissingBar } from '../quality/measure-quality.ts';
import { readQuality, type CheckedUniverse } from '../quality/quality-rows.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import { type TradingDays } from '../quality/trading-days.ts';
import type { RefreshRecord } from '../refresh/refresh-records.ts';
import type { Interval } from '../series/periods.ts';
import { instant } from '../sql.ts';
import { definitionSql } from './universe-rows.ts';

type LastRefresh = Pick<
  RefreshRecord,
  'status' | 'reason' | 'trigger' | 'universe_version' | 'started_at' | 'finished_at'
>;

/** How complete the prices of a universe are. */
export type UniverseStatus = {
  readonly universe: string;
  readonly version: number;
  readonly last_refresh: LastRefresh | null;
  /** The instant of the next scheduled refresh. Null without a schedule. */
  readonly next_run: string | null;
  readonly assets: {
    /**
     * The last bar is of the period of `expected_day` or later. Without an exchange: of the period of the newest bar of
     * the universe.
     */
    readonly fresh: number;
    /** The last bar is older. */
    readonly stale: number;
    /** No bar is stored. */
    readonly missing: number;
  };
  readonly first_date: string | null;
  readonly last_date: string | null;
  /** Number of bars that the last committed refresh held back. */
  readonly held_back_prices: number;
  readonly exchange: Exchange | null;
  /** The last trading day whose bars must be there. Null without an exchange, and after the end of its calendar. */
  readonly expected_day: string | null;
  /** Bars that trading days have and series lack. Null without an exchange, and before the first check. */
  readonly missing_bars: MissingBars | null;
};

type MissingBars = {
  readonly total: number;
  readonly recent: number;
  readonly assets: number;
  readonly newest: readonly MissingBar[];
  readonly calendar_from: string;
  readonly calendar_to: string;
  readonly measured_at: string;
};

export type UniverseStatusDeps = {
  readonly reader: SnapshotReader;
  readonly clock: Clock;
  readonly tradingDays: TradingDays;
  readonly expectedAfterHours: number;
  readonly scheduleOf: RefreshSchedules['of'];
};

const units: Readonly<Record<Interval, string>> = { '1day': 'day', '1week': 'week', '1month': 'month' };

type Spans = {
  readonly assets: number;
  readonly missing: number;
  readonly fresh: number;
  readonly first_date: string | null;
  readonly last_date: string | null;
};

/** Min and max of each asset come from the primary key of `price`, so the time depends on the number of assets alone. */
const spansStatement = `
  with span as materialized (
    select first_date, last_date from universe_asset left join asset using (symbol) left join lateral (
      select min(date) as first_date, max(date) as last_date from price where asset_id = asset.id
    ) as dates on true where universe_asset.universe = $1
  )
  select count(*)::int as assets, count(*) filter (where last_date is null)::int as missing,
    count(*) filter (
      where date_trunc($2, last_date::timestamp) >=
        date_trunc($2, coalesce($3::date, (select max(last_date) from span))::timestamp)
    )::int as fresh, min(first_date) as first_date, max(last_date) as last_date from span`;

/** The result of the last check, because a count reads every bar of the universe. */
const missingBars = async (reader: Reader, name: string, exchange: Exchange): Promise<MissingBars | null> => {
  const [last] = await readQuality(reader, name);
  if (last?.exchange !== exchange) return null;
  return {
    total: last.missing_recent + last.missing_older,
    recent: last.missing_recent,
    assets: last.missing_assets,
    newest: last.newest_missing,
    calendar_from: calendarYears.from,
    calendar_to: calendarYears.to,
    measured_at: last.measured_at,
  };
};

const statusIn =
  ({ clock, scheduleOf, tradingDays, expectedAfterHours }: UniverseStatusDeps, name: string) =>
  async (reader: Reader): Promise<UniverseStatus | undefined> => {
    const { query } = reader;
    const [universe] = await query<
      Pick<CheckedUniverse, 'version' | 'interval' | 'exchange'> & { said: boolean; schedule: Schedule | null }
    >(
      `select version, interval, definition ->> 'exchange' as exchange, ${definitionSql} ? 'schedule' as said,
         ${definitionSql} -> 'schedule' as schedule from universe where name = $1`,
      [name],
    );
    if (!universe) return undefined;
    const { exchange } = universe;
    const schedule = scheduleOf(name, universe.said ? { schedule: universe.schedule } : {});
    const expectedDay = exchange && tradingDays.expectedDay(exchange, clock.now(), expectedAfterHours);
    const [spans] = await query<Spans>(spansStatement, [name, units[universe.interval], expectedDay]);
    const [last] = await query<LastRefresh>(
      `select status, reason, trigger, universe_version, ${instant('started_at')}, ${instant('finished_at')} from refresh
       where universe = $1 order by refresh.started_at desc limit 1`,
      [name],
    );
    const [held] = await query<{ quarantined: number }>(
      `select quarantined from refresh where universe = $1 and applied_at is not null order by applied_at desc limit 1`,
      [name],
    );
    const { assets, missing, fresh, first_date, last_date } = spans!;
    return {
      universe: name,
      version: universe.version,
      last_refresh: last ?? null,
      next_run: (schedule && nextRun(schedule, clock.now()))?.toISOString() ?? null,
      assets: { fresh, stale: assets - missing - fresh, missing },
      first_date,
      last_date,
      held_back_prices: held?.quarantined ?? 0,
      exchange,
      expected_day: expectedDay ?? null,
      missing_bars: exchange && (await missingBars(reader, name, exchange)),
    };
  };

/** Returns undefined for an unknown universe. The last refresh and the days are of one state, because callers compare them. */
export const createUniverseStatus =
  (deps: UniverseStatusDeps) =>
  (name: string): Promise<UniverseStatus | undefined> =>
    deps.reader.snapshot(statusIn(deps, name));
