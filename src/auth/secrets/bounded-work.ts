import { AppError } from '#src/kernel/catalogue/errors.ts';

export type BoundedWorkOptions = {
  /** How many run at once. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly queue: number;
};

export type BoundedWork = {
  /** @throws AppError `overloaded` at once when the queue is full, or what `work` throws */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
};

/** First come, first served. */
export const createBoundedWork = ({ concurrency, queue }: BoundedWorkOptions): BoundedWork => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const enter = async (): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= queue) {
      throw new AppError('overloaded', 'Too many sign-ins are being checked', { retryAfter: 1 });
    }
    await new Promise<void>((turn) => waiting.push(turn));
  };

  const leave = (): void => {
    const next = waiting.shift();
    // The place is handed on: `running` stays as it is.
    if (next) next();
    else running -= 1;
  };

  return {
    run: async (work) => {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
};
