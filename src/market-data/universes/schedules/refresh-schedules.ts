import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobSchedule, JobSchedules } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { createSchedulePeriods } from '#src/kernel/time/schedule-periods.ts';
import { runsEachMonth, type Schedule } from '#src/kernel/time/schedules.ts';
import { oneSpelling } from '#src/kernel/time/time-zones.ts';
import type { UniverseDocument } from '../universe-document.ts';
import { changesTurn, definitionSql } from '../universe-rows.ts';

export type RefreshSchedulesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly jobs: JobSchedules;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** REFRESH_SCHEDULES: the schedules of universes that do not say one themselves. */
  readonly defaults: ReadonlyMap<string, string>;
};

type Defined = Pick<UniverseDocument, 'schedule'>;

export type RefreshSchedules = {
  /** The schedule of a universe: its own one or null, if it says so, else the default of its name. */
  readonly of: (name: string, definition: Defined) => Schedule | null;
  /** Stores the schedule of a universe in the transaction of its change, or removes it. */
  readonly set: (transaction: Transaction, name: string, definition: Defined) => Promise<void>;
  readonly remove: (transaction: Transaction, name: string) => Promise<void>;
  /**
   * Makes the schedules of the stored universes the only ones. A start calls it, because REFRESH_SCHEDULES may have
   * changed.
   */
  readonly restore: () => Promise<void>;
  /** Sets the gauge of the schedules that are stored. */
  readonly collect: () => Promise<void>;
};

const jobOf = (universe: string, { cron, time_zone: timeZone }: Schedule): JobSchedule => ({
  queue: 'refresh',
  key: universe,
  cron,
  timeZone: oneSpelling(timeZone),
  data: { universe, trigger: 'schedule' },
});

/** The schedules of refreshes. The job queue has each of them once, so one process enqueues a run. */
export const createRefreshSchedules = (deps: RefreshSchedulesDeps): RefreshSchedules => {
  const { unitOfWork, jobs, metrics, clock, logger, defaults } = deps;
  const periods = createSchedulePeriods();

  const of: RefreshSchedules['of'] = (name, { schedule }) => {
    if (schedule !== undefined) return schedule;
    const cron = defaults.get(name);
    return cron === undefined ? null : { cron, time_zone: 'UTC' };
  };
  /** A schedule that an earlier release took may be too rare for the job queue, as `runsEachMonth` says. */
  const isRare = (universe: string, { cron }: Schedule): boolean => {
    if (runsEachMonth(cron)) return false;
    logger.warn({ universe, cron }, 'a universe is not refreshed, because its schedule does not run in each month');
    return true;
  };
  const remove: RefreshSchedules['remove'] = (transaction, name) => jobs.unschedule(transaction, 'refresh', name);

  return {
    of,
    remove,

    set: async (transaction, name, definition) => {
      const schedule = of(name, definition);
      await (schedule ? jobs.schedule(transaction, jobOf(name, schedule)) : remove(transaction, name));
    },

    restore: async () => {
      try {
        await unitOfWork.run({ operation: 'universe.schedules' }, async (transaction) => {
          // No universe is changed (turn) or deleted (lock of its row) meanwhile, so no newer schedule is overwritten.
          await takeOwnerTurn(transaction.query, changesTurn);
          const rows = await transaction.query<{ name: string; said: boolean; schedule: Schedule | null }>(
            `select name, ${definitionSql} ? 'schedule' as said, ${definitionSql} -> 'schedule' as schedule
             from universe for share`,
          );
          const turns = createTurns();
          const schedules: JobSchedule[] = [];
          for (const { name, said, schedule } of rows) {
            const found = of(name, said ? { schedule } : {});
            if (found && !isRare(name, found)) schedules.push(jobOf(name, found));
            const turn = turns.give();
            if (turn) await turn;
          }
          await jobs.replaceSchedules(transaction, 'refresh', schedules);
        });
      } catch (error) {
        // Another process changes universes. The start repeats this step after an error of category database.
        if (codeOf(error) !== 'concurrency_limit_exceeded') throw error;
        throw new AppError('database_conflict', undefined, { cause: error });
      }
    },

    collect: async () => {
      const stored = await jobs.schedules('refresh');
      const wanted = stored.map(({ cron, timeZone = 'UTC' }) => ({ cron, time_zone: timeZone }));
      const found = await periods.of(wanted, clock.now());
      const series = stored.flatMap(({ key }, index) => {
        const period = found[index];
        return period === undefined ? [] : [{ labels: { universe: key }, value: period / 1_000 }];
      });
      metrics.replace('volwatch_refresh_schedule_period_seconds', series);
    },
  };
};
