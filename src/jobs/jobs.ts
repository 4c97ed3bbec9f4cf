import { setTimeout as sleep } from 'node:timers/promises';
import { context, propagation, trace } from '@opentelemetry/api';
import { PgBoss } from 'pg-boss';
import { AppError, codeOf } from '#src/kernel/errors.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import { jobQueues, type JobEnqueuer, type JobHandler, type JobQueue, type JobSchedule } from '#src/kernel/jobs.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import { createWork } from './work.ts';

/** One statement, or several without parameters, on a pooled connection; rows as the kernel's `Query` has them. */
type Execute = (text: string, parameters?: readonly unknown[]) => Promise<{ readonly rows: unknown[] }>;

export type JobHandlers = Readonly<Record<JobQueue, JobHandler>>;

type QueueSettings = {
  /** How many jobs of one queue this process does at a time. */
  readonly concurrency: number;
  readonly retries: number;
  /** Seconds before the first repetition; each further one waits up to twice as long. */
  readonly retryDelaySeconds: number;
  /** One job of a group at a time, so that slow ones leave places to the other groups. */
  readonly groupsApart?: boolean;
  /** A job that is given up is somebody else's to repair: logged, and nobody is to act. */
  readonly theirs?: boolean;
};

export type JobsDependencies = QueueSettings & {
  readonly execute: Execute;
  /** Whether this process does jobs, or only enqueues them. */
  readonly worker: boolean;
  readonly schedules: readonly JobSchedule[];
  readonly pollMs: number;
  /** What a queue does otherwise than the others. */
  readonly queues?: Partial<Record<JobQueue, Partial<QueueSettings>>>;
  /** A worker that has been silent for this many seconds is dead, and another does its job. 10 or more. */
  readonly heartbeatSeconds: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

export type Jobs = JobEnqueuer & {
  /** Whether `start` has opened the queues: what is enqueued before is refused. */
  readonly isOpen: () => boolean;
  /** Opens the queues, made when missing, and, as a worker, begins. @throws AppError of category database */
  readonly start: (handlers: JobHandlers) => Promise<void>;
  readonly healthCheck: HealthCheck;
  /** Sets the queue gauges; called at scrape time. */
  readonly collect: () => Promise<void>;
  /**
   * Takes no more jobs, gives those in progress `graceMs`, then aborts their signals: what is left is done elsewhere. A
   * second call may cut the grace of the first short.
   */
  readonly close: (options: { readonly graceMs: number }) => Promise<void>;
};

const deadLetters = 'dead';
const startAttempts = 5;
const startAgainMs = 100;
/** How long a fault of the queue's own statements shows on /health. */
const faultShownMs = 5_000;
/** For jobs to store how they ended, once they have been told to stop. */
const endMs = 2_000;
const sizesSql = `
  select name, count(*) filter (where state < 'active')::int as waiting, count(*) filter (where state = 'active')::int as active
  from pgboss.job where state <= 'active' group by name`;

/** Queues in PostgreSQL (pg-boss) on the service's own pool: enqueued with the change, done by any process. */
export const createJobs = (deps: JobsDependencies): Jobs => {
  const { execute, worker, schedules, metrics, logger } = deps;
  let open: PgBoss | undefined;
  let faultAt = -Infinity;
  const lastFault = (): boolean => performance.now() - faultAt < faultShownMs;
  const stopping = new AbortController();
  const settingsOf = (queue: JobQueue): QueueSettings => ({ ...deps, ...deps.queues?.[queue] });
  const retries = (queue: JobQueue): number => settingsOf(queue).retries;
  const theirs = (queue: JobQueue): boolean => settingsOf(queue).theirs ?? false;
  const work = createWork({ metrics, logger, retries, theirs, stopping: stopping.signal });

  const onError = (error: unknown): void => {
    if (!lastFault()) logger.warn({ code: codeOf(error) }, 'the job queue has a fault');
    faultAt = performance.now();
  };

  const build = (): PgBoss => {
    const boss = new PgBoss({
      db: { executeSql: execute },
      supervise: worker,
      schedule: worker,
      // A worker that has gone silent is found soon after, not a whole heartbeat later.
      superviseIntervalSeconds: Math.ceil(deps.heartbeatSeconds / 4),
      monitorIntervalSeconds: Math.ceil(deps.heartbeatSeconds / 4),
    });
    boss.on('error', onError);
    return boss;
  };

  const makeQueues = async (boss: PgBoss): Promise<void> => {
    const existing = new Set((await boss.getQueues()).map(({ name }) => name));
    if (!existing.has(deadLetters)) await boss.createQueue(deadLetters);
    for (const name of jobQueues) {
      const settings = {
        retryLimit: retries(name),
        retryDelay: settingsOf(name).retryDelaySeconds,
        retryBackoff: true,
        heartbeatSeconds: deps.heartbeatSeconds,
        deadLetter: deadLetters,
      };
      if (existing.has(name)) {
        const { heartbeatSeconds: _, ...changeable } = settings;
        await boss.updateQueue(name, changeable);
      } else await boss.createQueue(name, { ...settings, policy: 'exclusive' });
    }
  };

  /** Two processes that make the queues' tables or the same queue at once: one of them fails, and finds them made. */
  const started = async (): Promise<PgBoss> => {
    for (let attempt = 1; ; attempt += 1) {
      const boss = build();
      try {
        await boss.start();
        await makeQueues(boss);
        return boss;
      } catch (error) {
        await boss.stop({ graceful: false }).catch(() => {});
        if (error instanceof AppError || attempt === startAttempts) throw error;
        await sleep(startAgainMs * attempt);
      }
    }
  };

  /** The schedules as configured now, and no others. */
  const setSchedules = async (boss: PgBoss): Promise<void> => {
    const wanted = new Set(schedules.map(({ queue, key }) => `${queue}/${key}`));
    for (const { name, key } of await boss.getSchedules()) {
      if (!wanted.has(`${name}/${key}`)) await boss.unschedule(name, key);
    }
    for (const { queue, key, cron, data } of schedules) {
      await boss.schedule(queue, cron, data, { key, singletonKey: key, tz: 'UTC' });
    }
  };

  return {
    start: async (handlers) => {
      if (open) return;
      const boss = await started();
      try {
        if (worker) {
          await setSchedules(boss);
          for (const queue of jobQueues) {
            const options = {
              includeMetadata: true,
              localConcurrency: settingsOf(queue).concurrency,
              ...(settingsOf(queue).groupsApart && { localGroupConcurrency: 1 }),
              pollingIntervalSeconds: deps.pollMs / 1_000,
              // A queue that gave a job may have another.
              burstWhenBatchFull: true,
            } as const;
            await boss.work<Record<string, string>, void, typeof options>(queue, options, ([job]) =>
              job ? work(queue, handlers[queue], job) : Promise.resolve(),
            );
          }
        }
        open = boss;
      } catch (error) {
        await boss.stop({ graceful: false }).catch(() => {});
        throw error;
      }
    },

    isOpen: () => open !== undefined,

    enqueue: async ({ query }, queue, { key, data, group }) => {
      if (!open) throw new AppError('database_unavailable', 'The job queues are not open yet');
      const carrier: Record<string, string> = {};
      if (trace.getActiveSpan()) propagation.inject(context.active(), carrier);
      const id = await open.send(
        queue,
        { ...data, ...carrier },
        {
          singletonKey: key,
          ...(group !== undefined && { group: { id: group } }),
          db: { executeSql: async (text, values) => ({ rows: await query(text, values) }) },
        },
      );
      return id !== null;
    },

    healthCheck: {
      dependency: 'jobs',
      required: false,
      check: async () => {
        if (!open) return { status: 'down', detail: 'the queues are not open' };
        return lastFault() ? { status: 'degraded', detail: 'the queue has faults' } : { status: 'up' };
      },
    },

    collect: async () => {
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
      const stop = (): void => stopping.abort(new AppError('shutting_down'));
      if (graceMs <= 0) stop();
      const timer = setTimeout(stop, graceMs);
      await open?.stop({ graceful: true, timeout: graceMs + endMs });
      clearTimeout(timer);
    },
  };
};
