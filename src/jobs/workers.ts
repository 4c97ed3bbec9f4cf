import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { JobQueue } from '#src/kernel/ports/jobs.ts';

export type WorkersOptions = {
  /** Number of workers. */
  readonly concurrency: number;
  /** A process runs one job of each group at a time. */
  readonly oneJobPerGroup?: boolean | undefined;
  /** Time between two polls of an empty queue. */
  readonly pollMs: number;
};

type Job = JobWithMetadata<Record<string, string>>;

/**
 * Starts the workers of a queue. Each takes one job at a time. After a job it polls again at once, because the queue may contain further jobs: pg-boss
 * itself does so only for workers that take several jobs. It knows the workers of one call of `work` by the id of the first one, so each has its own call.
 * @param run returns whether the worker must wait for its next poll
 */
export const startWorkers = async (
  boss: PgBoss,
  queue: JobQueue,
  { concurrency, oneJobPerGroup, pollMs }: WorkersOptions,
  run: (job: Job) => Promise<boolean>,
): Promise<void> => {
  const options = {
    includeMetadata: true,
    ...(oneJobPerGroup && { localGroupConcurrency: 1 }),
    pollingIntervalSeconds: pollMs / 1_000,
  } as const;
  for (let number = 0; number < concurrency; number += 1) {
    let id = '';
    id = await boss.work<Record<string, string>, void, typeof options>(queue, options, async ([job]) => {
      if (!job) return;
      let rests = false;
      try {
        rests = await run(job);
      } finally {
        if (!rests) boss.notifyWorker(id);
      }
    });
  }
};
