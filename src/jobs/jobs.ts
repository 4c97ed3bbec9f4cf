import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { AppError, codeOf, isErrorCode, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import {
  jobQueues,
  type JobEnqueuer,
  type JobHandler,
  type JobRemover,
  type JobQueue,
  type JobSchedule,
  type JobSchedules,
  type JobSetEnqueuer,
} from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createEnqueue } from './enqueue.ts';
import { type NetworkOfJob, removeWaitingSql } from './turns.ts';
import { startWorkers } from './workers.ts';
import { createWork, type Execute } from './work.ts';

export type JobHandlers = Readonly<Record<JobQueue, JobHandler>>;

type QueueSettings = {
  /** Max number of concurrent jobs of one queue in this process. */
  readonly concurrency: number;
  /** Max number of concurrent jobs of one queue in this process, counting those that run for longer than a second; default `concurrency`. */
  readonly maxConcurrency?: number;
  readonly retries: number;
  /** Delay of the first retry. The delay of each further retry is up to twice as long. */
  readonly retryDelaySeconds: number;
  /** Max duration of one attempt in seconds, at most a day; default 900. */
  readonly maxSeconds?: number;
  /**
   * If true, this process runs one job of a group at a time, so that a slow group does not block the others, and the groups
   * take turns.
   */
  readonly oneJobPerGroup?: boolean;
  /** Max number of jobs of the groups of one network that this process runs at a time; default 1. */
  readonly placesPerNetwork?: number;
  /**
   * Log level for a job that fails after all retries; default `error`. It is `warn` for a queue whose failures have an
   * external cause, because an operator cannot repair them.
   */
  readonly finalFailureLevel?: 'warn' | 'error';
};

export type JobsDeps = QueueSettings & {
  readonly execute: Execute;
  /** True if this process runs jobs, false if it only enqueues them. */
  readonly worker: boolean;
  /** The fixed schedules. Schedules of `scheduledByData` are stored with the data that they follow from. */
  readonly schedules: readonly JobSchedule[];
  readonly scheduledByData?: readonly JobQueue[];
  readonly pollMs: number;
  /** Settings of single queues that differ from the common settings. */
  readonly queues?: Partial<Record<JobQueue, Partial<QueueSettings>>>;
  /** A worker without a heartbeat for this time counts as dead, and another worker runs its job. Min 10. */
  readonly heartbeatSeconds: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

export type Jobs = JobEnqueuer &
  JobSetEnqueuer &
  JobRemover &
  JobSchedules & {
    /** True after `start` has opened the queues. Before that, `enqueue` is refused. */
    readonly isOpen: () => boolean;
    /**
     * Opens the queues and creates missing ones. A worker then starts to run jobs.
     * @throws AppError of category database
     */
    readonly start: (handlers: JobHandlers) => Promise<void>;
    readonly healthCheck: HealthCheck;
    /** Sets the gauges of the queues. Called for each scrape. */
    readonly collect: () => Promise<void>;
    /**
     * Takes no more jobs and waits up to `graceMs` for running jobs. Then it aborts their signals; other workers run
     * these jobs again. A second call with a shorter grace ends the wait of the first call.
     */
    readonly close: (options: { readonly graceMs: number }) => Promise<void>;
  };

const deadLetterQueue = 'dead';
/** Nobody takes these jobs. They stay over a weekend, so that an operator sees their data. */
const deadLetters = { retentionSeconds: 3 * 86_400 };
const maxStartAttempts = 5;
const startRetryMs = 100;
const defaultMaxSeconds = 900;
const daySeconds = 86_400;
/** Ended jobs count in no quota of a caller, and one account can have 300 of them end in a minute. Each removal takes those of a few minutes, in one statement. */
const [keptSeconds, removalSeconds] = [3_600, 300];
/** The health status is `degraded` for this time after a failed statement of the queues. */
const degradedMs = 5_000;
/** Time for aborted jobs to store their outcome. */
const abortGraceMs = 2_000;
const sizesSql = `
  select name, count(*) filter (where state < 'active')::int as waiting, count(*) filter (where state = 'active')::int as active
  from pgboss.job where state <= 'active' group by name`;

/** pg-boss reports many errors as copies, which are no `AppError` but have its code. */
const codeOfReport = (report: unknown): ErrorCode => {
  const code = (report as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' && isErrorCode(code) ? code : codeOf(report);
};

/**
 * Job queues in PostgreSQL (pg-boss) on the connection pool of the service. A job is enqueued in the transaction of the
 * change that needs it, and any worker process can run it.
 */
export const createJobs = (deps: JobsDeps): Jobs => {
  const { execute, worker, schedules, metrics, logger } = deps;
  let open: PgBoss | undefined;
  let opening: Promise<void> | undefined;
  let closed = false;
  /** The transaction of the statements of pg-boss, whose functions for schedules do not take one. */
  const scheduling = new AsyncLocalStorage<Transaction>();
  let faultAt = -Infinity;
  const hasRecentFault = (): boolean => performance.now() - faultAt < degradedMs;
  const stopping = new AbortController();
  const settingsOf = (queue: JobQueue): QueueSettings => ({ ...deps, ...deps.queues?.[queue] });
  const networkOf = (queue: JobQueue, name: string | undefined): NetworkOfJob | undefined =>
    name === undefined ? undefined : { name, places: settingsOf(queue).placesPerNetwork ?? 1 };
  const retries = (queue: JobQueue): number => settingsOf(queue).retries;
  const finalFailureLevel = (queue: JobQueue): 'warn' | 'error' => settingsOf(queue).finalFailureLevel ?? 'error';
  const work = createWork({ execute, metrics, logger, retries, finalFailureLevel, stopping: stopping.signal });

  const onError = (error: unknown): void => {
    if (!hasRecentFault()) logger.warn({ code: codeOfReport(error) }, 'a statement of the job queue failed');
    faultAt = performance.now();
  };

  const build = (): PgBoss => {
    const boss = new PgBoss({
      db: {
        executeSql: async (text, values) => {
          const transaction = scheduling.getStore();
          return transaction ? { rows: await transaction.query(text, values) } : execute(text, values);
        },
      },
      supervise: worker,
      schedule: worker,
      // A dead worker must be detected soon after the heartbeat timeout, so the check runs four times within it.
      superviseIntervalSeconds: Math.ceil(deps.heartbeatSeconds / 4),
      monitorIntervalSeconds: Math.ceil(deps.heartbeatSeconds / 4),
      maintenanceIntervalSeconds: removalSeconds,
    });
    boss.on('error', onError);
    return boss;
  };

  const createQueues = async (boss: PgBoss): Promise<void> => {
    const existing = new Set((await boss.getQueues()).map(({ name }) => name));
    if (existing.has(deadLetterQueue)) await boss.updateQueue(deadLetterQueue, deadLetters);
    else await boss.createQueue(deadLetterQueue, deadLetters);
    for (const name of jobQueues) {
      const settings = {
        retryLimit: retries(name),
        retryDelay: settingsOf(name).retryDelaySeconds,
        retryBackoff: true,
        expireInSeconds: Math.min(daySeconds, settingsOf(name).maxSeconds ?? defaultMaxSeconds),
        heartbeatSeconds: deps.heartbeatSeconds,
        deadLetter: deadLetterQueue,
        deleteAfterSeconds: keptSeconds,
      };
      if (existing.has(name)) {
        const { heartbeatSeconds: _, ...changeable } = settings;
        await boss.updateQueue(name, changeable);
      } else await boss.createQueue(name, { ...settings, policy: 'exclusive' });
    }
  };

  /** Starts pg-boss. If two processes create the tables or a queue at the same time, one fails; its retry succeeds. */
  const startBoss = async (): Promise<PgBoss> => {
    for (let attempt = 1; ; attempt += 1) {
      const boss = build();
      try {
        await boss.start();
        await createQueues(boss);
        return boss;
      } catch (error) {
        await boss.stop({ graceful: false }).catch(() => {});
        if (error instanceof AppError || attempt === maxStartAttempts) throw error;
        await sleep(startRetryMs * attempt);
      }
    }
  };

  const storeSchedule = (boss: PgBoss, { queue, key, cron, data, timeZone: tz = 'UTC' }: JobSchedule): Promise<void> =>
    boss.schedule(queue, cron, data, { key, singletonKey: key, tz });

  /** Stores these schedules and removes all others of those queues. */
  const setSchedules = async (
    boss: PgBoss,
    queues: readonly string[],
    wanted: readonly JobSchedule[],
  ): Promise<void> => {
    const names = new Set(wanted.map(({ queue, key }) => `${queue}/${key}`));
    for (const { name, key } of await boss.getSchedules()) {
      if (queues.includes(name) && !names.has(`${name}/${key}`)) await boss.unschedule(name, key);
    }
    for (const schedule of wanted) await storeSchedule(boss, schedule);
  };
  const fixedQueues = jobQueues.filter((queue) => !deps.scheduledByData?.includes(queue));

  const openBoss = (): PgBoss => {
    if (!open) throw new AppError('database_unavailable', 'The job queues are not open yet');
    return open;
  };
  const enqueue = createEnqueue({ boss: openBoss, metrics, networkOf });

  /** Runs statements of pg-boss in the transaction. */
  const within = async (transaction: Transaction, work: (boss: PgBoss) => Promise<void>): Promise<void> => {
    const boss = openBoss();
    await scheduling.run(transaction, () => work(boss));
  };

  const openQueues = async (handlers: JobHandlers): Promise<void> => {
    const boss = await startBoss();
    try {
      if (worker) await setSchedules(boss, fixedQueues, schedules);
      if (closed) throw new AppError('shutting_down');
      for (const queue of worker ? jobQueues : []) {
        const options = { ...settingsOf(queue), pollMs: deps.pollMs };
        await startWorkers(boss, queue, options, (job) => work(queue, handlers[queue], job));
      }
      open = boss;
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => {});
      throw error;
    }
  };

  return {
    start: async (handlers) => {
      if (open) return;
      opening = openQueues(handlers);
      await opening;
    },

    isOpen: () => open !== undefined,

    ...enqueue,

    remove: async ({ query }, queue, keys) => {
      if (keys.length > 0) await query(removeWaitingSql, [queue, keys]);
    },

    schedule: (transaction, schedule) => within(transaction, (boss) => storeSchedule(boss, schedule)),
    unschedule: (transaction, queue, key) => within(transaction, (boss) => boss.unschedule(queue, key)),
    replaceSchedules: (transaction, queue, wanted) =>
      within(transaction, (boss) => setSchedules(boss, [queue], wanted)),
    schedules: async (queue) =>
      ((await open?.getSchedules(queue)) ?? []).map(({ key, cron, timezone: timeZone }) => ({ key, cron, timeZone })),

    healthCheck: {
      dependency: 'jobs',
      required: false,
      check: async () => {
        if (!open) return { status: 'down', detail: 'the queues are not open' };
        return hasRecentFault() ? { status: 'degraded', detail: 'statements of the queue fail' } : { status: 'up' };
      },
    },

    collect: async () => {
      metrics.set('volwatch_jobs_up', {}, open && !hasRecentFault() ? 1 : 0);
      if (!open) return;
      const { rows } = await execute(sizesSql);
      const sizes = new Map(
        (rows as { name: string; waiting: number; active: number }[]).map((row) => [row.name, row]),
      );
      for (const queue of jobQueues) {
        for (const state of ['waiting', 'active'] as const) {
          metrics.set('volwatch_jobs_queue_size', { queue, state }, sizes.get(queue)?.[state] ?? 0);
        }
      }
    },

    close: async ({ graceMs }) => {
      closed = true;
      const stop = (): void => stopping.abort(new AppError('shutting_down'));
      if (graceMs <= 0) stop();
      const timer = setTimeout(stop, graceMs);
      const timeout = graceMs + abortGraceMs;
      // Workers take jobs before all queues are open, and these jobs must end too.
      await Promise.race([opening?.catch(() => {}), sleep(timeout, undefined, { ref: false })]);
      await open?.stop({ graceful: true, timeout });
      clearTimeout(timer);
    },
  };
};
