import { uuidv7 } from '../ids.ts';
import type { Transaction } from './unit-of-work.ts';

/** Closed set: the `queue` label of the job metrics. */
export const jobQueues = [
  'refresh',
  'pricing',
  'retention',
  'webhook_event',
  'webhook_delivery',
  'calendar',
  'mail',
  'quality',
  'index_values',
  'lost_jobs',
  'removal',
] as const;
export type JobQueue = (typeof jobQueues)[number];

/** Only ids and names, because it is stored and shown to operators. */
export type JobData = Readonly<Record<string, string>>;

/**
 * The key of a job that must begin after a change: one that waits does the work of later changes too, but one that runs does not, also not in its last part.
 * Callers may ignore what `enqueue` returns for it.
 * @param of what the job works on, without a space
 */
export const jobOfChange = (of: string): { readonly key: string; readonly standIn: string } => ({
  key: `${of} ${uuidv7()}`,
  standIn: `${of} `,
});

/** The beginning of the keys of `jobOfChange` that this key has; undefined for the key of another job. */
export const standInOf = (key: string | null): string | undefined => key?.match(/^[^ ]+ /)?.[0];

export type JobEnqueuer = {
  /**
   * Adds a job to `queue` in `transaction`, so it exists only after the commit. The job continues the trace of the
   * caller.
   * @param key at most one job of a key waits or runs at a time. A job that runs may have read the data before the change, so a change needs a key of
   * its own: the id of a new row, or `jobOfChange`
   * @param group in a queue with groups, a process runs one job of a group at a time, and the groups take turns. A
   * transaction with jobs of several groups must use `enqueueAll`.
   * @param network the groups of a network share the turns of one group, and some places. Not an address, because a hash of it is stored
   * @param cost a whole number, at least 1: how many turns of its group the job takes. Default: 1
   * @param isFirst the job comes before those that wait, in a queue without groups
   * @param standIn a waiting job whose key begins with this text does the work of this one too, so nothing is added. It does not begin before the end of
   * the transaction. A job that runs does not stand in, because it may have read the data before the change, nor one that has failed, because it has fewer attempts left.
   * One that has failed and waits is removed instead, because the new job does its work. Jobs with the same beginning must do the same work.
   * @returns false if a job of this key waits or runs, or one stands in; then nothing is added
   * @throws AppError `database_unavailable` before the queues are open
   */
  readonly enqueue: (
    transaction: Transaction,
    queue: JobQueue,
    job: {
      readonly key: string;
      readonly data: JobData;
      readonly group?: string;
      readonly network?: string;
      readonly cost?: number;
      readonly isFirst?: boolean;
      readonly standIn?: string;
    },
  ) => Promise<boolean>;
};

export type JobSetEnqueuer = {
  /**
   * A condition of SQL: no job of `queue` with the key waits or runs. It stands in the statement that looks for rows without a job, because rows with one
   * would otherwise take the places of its limit.
   * @param key an expression of SQL. It must come from the code
   */
  readonly lacksJob: (queue: JobQueue, key: string) => string;
  /**
   * Adds jobs as `enqueue` does, with three statements whatever their number, because their transaction holds the turns of their groups. Jobs whose key
   * waits or runs are left out.
   * @returns the number of the others
   * @throws AppError as `enqueue`
   */
  readonly enqueueAll: (
    transaction: Transaction,
    queue: JobQueue,
    jobs: readonly { readonly key: string; readonly data: JobData; readonly group?: string }[],
  ) => Promise<number>;
};

export type JobRemover = {
  /** Removes the jobs of these keys that wait. A job that runs is not ended. */
  readonly remove: (transaction: Transaction, queue: JobQueue, keys: readonly string[]) => Promise<void>;
};

/** For outboxes, whose rows can be written before the queues are open. */
export type OpenableJobs = JobEnqueuer & JobSetEnqueuer & { readonly isOpen: () => boolean };

/**
 * A job cannot be done yet because of other work. It waits again for this time, and the attempt does not count. `rests`: the next jobs of the queue are
 * likely to have the same answer, so the worker waits for its next poll.
 */
export type PutBack = { readonly putBackSeconds: number; readonly rests?: true };

/** Runs one job. After an error the job is retried with increasing delays, and after the last retry it is dead. */
export type JobHandler = (
  data: JobData,
  signal: AbortSignal,
  /** `last`: there is no retry after this attempt. */
  attempt: { readonly last: boolean },
) => Promise<PutBack | void>;

/** A standard five-field cron. */
export type JobSchedule = {
  readonly queue: JobQueue;
  readonly key: string;
  readonly cron: string;
  /** A name of the IANA database. Default: UTC. */
  readonly timeZone?: string;
  readonly data: JobData;
};

/** Schedules that follow from stored data. Before the queues are open nothing is stored; the start stores all of them. */
export type JobSchedules = {
  /** Stores a schedule in `transaction`, in place of the one of the same queue and key. */
  readonly schedule: (transaction: Transaction, schedule: JobSchedule) => Promise<void>;
  readonly unschedule: (transaction: Transaction, queue: JobQueue, key: string) => Promise<void>;
  /** Makes these the only schedules of the queue. */
  readonly replaceSchedules: (
    transaction: Transaction,
    queue: JobQueue,
    schedules: readonly JobSchedule[],
  ) => Promise<void>;
  /** The stored schedules of the queue. */
  readonly schedules: (queue: JobQueue) => Promise<readonly Pick<JobSchedule, 'key' | 'cron' | 'timeZone'>[]>;
};
