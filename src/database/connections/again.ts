import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';

const pauseMs = { min: 20, max: 100 };

/** The pause before a second attempt. It is random, so that the callers of a failed server do not return at once. */
const pauseWithJitter = (): number => pauseMs.min + Math.random() * (pauseMs.max - pauseMs.min);

/** Wrong credentials (class 28) and a missing database are the same at a second attempt. */
const isPermanent = (error: unknown): boolean =>
  error instanceof AppError &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  /^(?:28|3D)/.test(String(error.cause.code));

/** Whether a second attempt to reach the server can succeed. */
export const mayTryAgain = (error: unknown): boolean => codeOf(error) === 'database_unavailable' && !isPermanent(error);

export type Again = {
  readonly timeoutMs: number;
  /** Is called before the second attempt. */
  readonly onRetry: () => void;
};

/**
 * Tries once more after a pause, if `mayRetry` allows it and the pause ends within the timeout.
 * @param attempt gets the milliseconds that are left
 */
export const tryTwice = async <T>(
  attempt: (leftMs: number) => Promise<T>,
  mayRetry: (error: unknown) => boolean,
  { timeoutMs, onRetry }: Again,
): Promise<T> => {
  const deadline = performance.now() + timeoutMs;
  try {
    return await attempt(timeoutMs);
  } catch (error) {
    const pause = pauseWithJitter();
    const left = deadline - performance.now() - pause;
    if (left <= 0 || !mayRetry(error)) throw error;
    await sleep(pause);
    onRetry();
    return attempt(Math.floor(left));
  }
};
