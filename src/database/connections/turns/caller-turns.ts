import { AppError } from '#src/kernel/catalogue/errors.ts';
import { waitInQueue, type Queue } from './wait-in-queue.ts';

export type CallerTurnsOptions = {
  /** Max connections that one caller holds at a time. */
  readonly maxPerCaller: number;
  /** Max wait for a turn. */
  readonly timeoutMs: number;
  /** Called for each request that did not get its turn in time. */
  readonly onTimeout: () => void;
};

export type CallerTurns = {
  /**
   * Waits until the caller holds fewer connections than allowed.
   * @returns ends the turn; must be called once
   * @throws AppError `database_pool_exhausted` after the timeout or when `signal` aborts, or the AppError that `signal` aborts with
   */
  readonly enter: (caller: string, signal: AbortSignal) => Promise<() => void>;
};

type Entry = { held: number; readonly waiting: Queue };

const exhausted = (): AppError =>
  new AppError('database_pool_exhausted', 'Too many requests of this caller use the database', { retryAfter: 1 });

/**
 * Limits the connections of one caller. Requests above the limit wait in a queue of that caller, not in the queue of the
 * pool, because there they would delay the requests of all other callers.
 */
export const createCallerTurns = ({ maxPerCaller, timeoutMs, onTimeout }: CallerTurnsOptions): CallerTurns => {
  const callers = new Map<string, Entry>();

  const leave = (caller: string, entry: Entry): void => {
    const [next] = entry.waiting;
    if (next !== undefined) {
      // The next request takes over the turn, so the number of held turns stays the same.
      entry.waiting.delete(next);
      next();
      return;
    }
    entry.held -= 1;
    if (entry.held === 0) callers.delete(caller);
  };

  const expired = (): AppError => {
    onTimeout();
    return exhausted();
  };

  return {
    enter: async (caller, signal) => {
      const entry = callers.get(caller) ?? { held: 0, waiting: new Set() };
      callers.set(caller, entry);
      if (entry.held < maxPerCaller) entry.held += 1;
      else await waitInQueue(entry.waiting, { timeoutMs, signal, expired, aborted: exhausted });
      return () => leave(caller, entry);
    },
  };
};
