import { AppError } from '#src/kernel/catalogue/errors.ts';

/** What waits, first come first served. To start one, remove it from the queue and call it. */
export type Queue = Set<() => void>;

export type QueueWait = {
  readonly timeoutMs: number;
  /** Undefined: nobody can end the wait early. */
  readonly signal: AbortSignal | undefined;
  /** @returns the error of a wait that took too long */
  readonly expired: () => Error;
  /** The error if `signal` aborts with something else than an AppError. */
  readonly aborted: () => AppError;
  /** Called when the request has left the queue without success, before anything else can run. */
  readonly onGiveUp?: () => void;
};

/**
 * Waits at the end of the queue until it is started. A wait without success leaves the queue at once, because the request does not need
 * its place any more.
 * @throws the error of `expired` after the timeout; the AppError that `signal` aborts with, or that of `aborted`
 */
export const waitInQueue = async (queue: Queue, wait: QueueWait): Promise<void> => {
  const { timeoutMs, signal, expired, aborted, onGiveUp } = wait;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = (reason: () => unknown): void => {
    // It may have been started in the same moment.
    if (!queue.delete(resolve)) return;
    reject(reason());
    onGiveUp?.();
  };
  const abort = (): void => giveUp(() => (signal?.reason instanceof AppError ? signal.reason : aborted()));
  queue.add(resolve);
  const timer = setTimeout(() => giveUp(expired), timeoutMs);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
};
