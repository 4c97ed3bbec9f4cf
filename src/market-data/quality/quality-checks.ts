import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createMeasurement, type Measured } from './measure-quality.ts';
import { readQuality, readUniverses, writeQuality, type CheckedUniverse, type StoredQuality } from './quality-rows.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import { type TradingDays } from './trading-days.ts';

export type QualityChecksDeps = {
  /** Must read from the primary, because a check must see the refresh that enqueued it. */
  readonly reader: Reader;
  readonly unitOfWork: UnitOfWork;
  readonly tradingDays: TradingDays;
  readonly faults: Faults;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A bar is expected this time after the end of its trading day. */
  readonly expectedAfterHours: number;
};

export type QualityChecks = {
  /**
   * Handles a job. With the name of a universe in its data it checks this one, else each universe whose last check is
   * outdated.
   */
  readonly handle: JobHandler;
  /** Sets the gauges to the last checks. */
  readonly collect: () => Promise<void>;
};

/** Missing bars of this time are recent: somebody can still ask the provider for them. */
const recentDays = 30;
/** Also without a refresh a check is repeated after this time, because universes share series. */
const maxAgeMs = dayMs;

const missingBars = ({ missing_recent: recent, missing_older: older }: Measured): number => recent + older;

/** Checks of the prices of universes: assets without new bars, and missing bars. */
export const createQualityChecks = (deps: QualityChecksDeps): QualityChecks => {
  const { reader, unitOfWork, tradingDays, faults, metrics, clock, logger, expectedAfterHours } = deps;
  const measure = createMeasurement(reader);

  const expectedDayOf = ({ exchange }: CheckedUniverse): string | undefined =>
    exchange === null ? undefined : tradingDays.expectedDay(exchange, clock.now(), expectedAfterHours);

  const isOutdated = (universe: CheckedUniverse, last: StoredQuality | undefined): boolean =>
    last === undefined ||
    last.version !== universe.version ||
    last.applied_at !== universe.applied_at ||
    last.expected_day !== (expectedDayOf(universe) ?? null) ||
    Date.parse(last.measured_at) < clock.now().getTime() - maxAgeMs;

  /** Logs what became worse since the last check. */
  const report = (quality: StoredQuality, last: StoredQuality | undefined): void => {
    const { universe, exchange, expected_day, stale, newest_missing } = quality;
    if (stale > (last?.stale ?? 0)) {
      logger.warn(
        { universe, exchange, expected_day, stale },
        'assets have no new bars: see docs/market-data.md#completeness',
      );
    }
    if (missingBars(quality) > (last ? missingBars(last) : 0)) {
      logger.warn(
        { universe, exchange, missing: missingBars(quality), newest: newest_missing.slice(0, 5) },
        'bars are missing on trading days: see docs/market-data.md#completeness',
      );
    }
  };

  const check = async (universe: CheckedUniverse, last: StoredQuality | undefined, signal: AbortSignal) => {
    await faults.reach('quality.measure', signal);
    const { name, version, interval, exchange, applied_at, held_back } = universe;
    // Taken before the first read, so that of two checks the one that began later stays.
    const at = clock.now();
    const expectedDay = expectedDayOf(universe);
    const measured = await measure({
      universe: name,
      interval,
      periods: exchange === null ? undefined : tradingDays.periods(exchange, interval),
      expectedDay,
      recentFrom: utcDay(new Date(at.getTime() - recentDays * dayMs)),
      signal,
    });
    const quality: StoredQuality = {
      ...measured,
      universe: name,
      version,
      exchange,
      expected_day: expectedDay ?? null,
      applied_at,
      held_back,
      measured_at: at.toISOString(),
    };
    await unitOfWork.run({ operation: 'quality.store' }, ({ query }) => writeQuality(query, quality));
    report(quality, last);
    if (exchange !== null && expectedDay === undefined) {
      logger.warn(
        { universe: name, exchange, last_day: calendarYears.to },
        'the calendar of an exchange has ended: generate trading-days.json again',
      );
    }
  };

  return {
    handle: async ({ universe: name }, signal) => {
      const last = new Map((await readQuality(reader, name)).map((row) => [row.universe, row]));
      const failures: unknown[] = [];
      for (const universe of await readUniverses(reader, name)) {
        signal.throwIfAborted();
        const before = last.get(universe.name);
        if (!isOutdated(universe, before)) continue;
        try {
          await check(universe, before, signal);
        } catch (error) {
          // One universe that cannot be checked must not keep the next ones from their checks.
          failures.push(error);
          logger.warn({ universe: universe.name, code: codeOf(error) }, 'the prices of a universe were not checked');
        }
      }
      if (failures.length > 0) throw failures[0];
    },

    collect: async () => {
      const rows = await readQuality(reader);
      // Of a deleted universe no series must stay.
      metrics.replace(
        'volwatch_universe_assets',
        rows.flatMap(({ universe, ...row }) =>
          (['fresh', 'stale', 'missing'] as const).map((state) => ({ labels: { universe, state }, value: row[state] })),
        ),
      );
      metrics.replace(
        'volwatch_universe_missing_bars',
        rows
          .filter(({ exchange }) => exchange !== null)
          .flatMap(({ universe, missing_recent: recent, missing_older: older }) => [
            { labels: { universe, age: 'recent' as const }, value: recent },
            { labels: { universe, age: 'older' as const }, value: older },
          ]),
      );
      metrics.replace(
        'volwatch_universe_held_back_prices',
        rows.map(({ universe, held_back: value }) => ({ labels: { universe }, value })),
      );
    },
  };
};
