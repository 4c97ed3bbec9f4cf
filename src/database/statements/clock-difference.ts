import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

export type ClockDifference = {
  /**
   * Asks the server for its time.
   * @returns `degraded` with the difference while it is too large
   */
  readonly measure: (databaseTime: () => Promise<Date>) => Promise<HealthReading>;
};

/**
 * Milliseconds as a whole number, because behind a transaction pooler the statement of the health check has the settings of the role: another
 * `DateStyle` is not parsed, and `extra_float_digits` removes digits.
 */
export const databaseTimeSql = 'select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as time';
export const databaseTimeOf = ([row]: readonly Readonly<Record<string, unknown>>[]): Date =>
  new Date(Number(row!['time']));

/** Synchronised clocks differ by milliseconds. Two seconds leave room for a server that answers late. */
const maxDifferenceMs = 2_000;

/**
 * Compares the clock of the process with that of PostgreSQL, because tokens and sign-ins end by times that another instance has
 * written. Each change is logged once.
 */
export const createClockDifference = (deps: {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}): ClockDifference => {
  const { clock, metrics, logger } = deps;
  let isTooLarge = false;

  return {
    measure: async (databaseTime) => {
      const askedAt = clock.monotonic();
      const time = await databaseTime();
      const tripMs = clock.monotonic() - askedAt;
      // The server read its clock at some time within the trip.
      const differenceMs = clock.now().getTime() - tripMs / 2 - time.getTime();
      const seconds = differenceMs / 1_000;
      metrics.set('volwatch_database_clock_difference_seconds', {}, seconds);
      const wasTooLarge = isTooLarge;
      isTooLarge = Math.abs(differenceMs) - tripMs / 2 > maxDifferenceMs;
      const detail = `the clock differs from that of the database by ${seconds.toFixed(1)} s`;
      if (isTooLarge && !wasTooLarge) logger.warn({ difference_seconds: seconds }, 'the clock of the process is wrong');
      if (!isTooLarge && wasTooLarge) logger.info({ difference_seconds: seconds }, 'the clock of the process is right');
      return isTooLarge ? { status: 'degraded', detail } : { status: 'up' };
    },
  };
};
