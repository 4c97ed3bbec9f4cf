import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { JobQueue } from '#src/kernel/ports/jobs.ts';

export type WorkersOptions = {
  /** Max number of concurrent jobs, beside those that are slow. */
  readonly concurrency: number;
  /**
   * Max number of concurrent jobs, counting those that are slow. Set it for jobs that wait for servers of others; default `concurrency`. A slow job costs
   * little beside its place, and many of them must not delay the jobs of others.
   */
  readonly maxConcurrency?: number | undefined;
  /** A process runs one job of each group at a time. */
  readonly oneJobPerGroup?: boolean | undefined;
  /** Time between two polls of an empty queue. */
  readonly pollMs: number;
};

type Job = JobWithMetadata<Record<string, string>>;

/** A job that runs for longer is slow. */
const slowMs = 1_000;

/**
 * Starts the workers of a queue. Each takes one job at a time. After a job it polls again at once, because the queue may contain further jobs: pg-boss
 * itself does so only for workers that take several jobs. It knows the workers of one call of `work` by the id of the first one, so each has its own call.
 *
 * For each slow job one more worker starts, up to the max number. A worker ends after its job when there are more than needed. So at most `concurrency`
 * workers poll at a time.
 * @param run returns whether the worker must wait for its next poll
 */
export const startWorkers = async (
  boss: PgBoss,
  queue: JobQueue,
  { concurrency, maxConcurrency = concurrency, oneJobPerGroup, pollMs }: WorkersOptions,
  run: (job: Job) => Promise<boolean>,
): Promise<void> => {
  const options = {
    includeMetadata: true,
    ...(oneJobPerGroup && { localGroupConcurrency: 1 }),
    pollingIntervalSeconds: pollMs / 1_000,
  } as const;
  let workers = 0;
  let slow = 0;
  const wanted = (): number => Math.max(concurrency, Math.min(maxConcurrency, concurrency + slow));

  /** Runs the work and counts it as slow from the time on when it is. */
  const watch = async (work: () => Promise<boolean>): Promise<boolean> => {
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      slow += 1;
      // pg-boss refuses workers when it stops.
      if (workers < wanted()) void start().catch(() => {});
    }, slowMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      if (isSlow) slow -= 1;
    }
  };

  const start = async (): Promise<void> => {
    workers += 1;
    let id = '';
    const handle = async ([job]: Job[]): Promise<void> => {
      if (!job) return;
      let rests = false;
      try {
        rests = await watch(() => run(job));
      } finally {
        if (workers > wanted()) {
          workers -= 1;
          void boss.offWork(queue, { id, wait: false });
        } else if (!rests) boss.notifyWorker(id);
      }
    };
    try {
      id = await boss.work<Record<string, string>, void, typeof options>(queue, options, handle);
    } catch (error) {
      workers -= 1;
      throw error;
    }
  };

  for (let number = 0; number < concurrency; number += 1) await start();
};
