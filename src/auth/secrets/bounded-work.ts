import { AppError } from '#src/kernel/catalogue/errors.ts';

export type BoundedWorkOptions = {
  /** Max number of tasks that run at once. */
  readonly concurrency: number;
  /** Max number of tasks that wait. */
  readonly queue: number;
};

export type BoundedWork = {
  /** @throws AppError `overloaded` at once when the queue is full, or what `work` throws */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Runs tasks with bounded concurrency and a bounded queue, in the order of their arrival. */
export const createBoundedWork = ({ concurrency, queue }: BoundedWorkOptions): BoundedWork => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const acquire = async (): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= queue) {
      throw new AppError('overloaded', 'Too many sign-ins are being checked', { retryAfter: 1 });
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  };

  const release = (): void => {
    const next = waiting.shift();
    // The next task takes over the slot, so `running` does not change.
    if (next) next();
    else running -= 1;
  };

  return {
    run: async (work) => {
      await acquire();
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
};
