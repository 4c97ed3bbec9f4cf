import type { Transaction } from './unit-of-work.ts';

/** Closed set: the `queue` label of the job metrics. */
export const jobQueues = ['refresh', 'pricing', 'retention', 'webhook_event', 'webhook_delivery'] as const;
export type JobQueue = (typeof jobQueues)[number];

/** Ids and names only: it is stored, and shown to operators. */
export type JobData = Readonly<Record<string, string>>;

export type JobEnqueuer = {
  /**
   * Puts a job into `queue` as part of `transaction`: it is there after the commit, or never. The caller's trace goes
   * with it.
   * @param key one job of each key waits or runs at a time
   * @param group in a queue that keeps groups apart, a process does one job of a group at a time
   * @returns false, and nothing enqueued, when one does
   * @throws AppError `database_unavailable` before the queues are open
   */
  readonly enqueue: (
    transaction: Transaction,
    queue: JobQueue,
    job: { readonly key: string; readonly data: JobData; readonly group?: string },
  ) => Promise<boolean>;
};

/** Does one job. What it throws makes the job be tried again, later and later, and at last put among the dead. */
export type JobHandler = (
  data: JobData,
  signal: AbortSignal,
  /** `last`: what is thrown now is not tried again. */
  attempt: { readonly last: boolean },
) => Promise<void>;

/** Standard five-field cron, in UTC. */
export type JobSchedule = {
  readonly queue: JobQueue;
  readonly key: string;
  readonly cron: string;
  readonly data: JobData;
};
