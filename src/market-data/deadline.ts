import { AppError } from '#src/kernel/errors.ts';
import type { ErrorCode } from '#src/kernel/errors.ts';

const abortError = ({ reason }: AbortSignal): AppError =>
  reason instanceof AppError ? reason : new AppError('shutting_down', undefined, { cause: reason });

/**
 * Gives `work` a signal that aborts after `milliseconds` or with `outer`. Whatever `work` throws once aborted becomes
 * the reason of the abort: `code` for the deadline, `outer`'s AppError (else `shutting_down`) for the rest.
 */
export const withDeadline = async <T>(
  {
    milliseconds,
    code,
    outer,
  }: { readonly milliseconds: number; readonly code: ErrorCode; readonly outer: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new AppError(code)), milliseconds);
  const signal = AbortSignal.any([outer, deadline.signal]);
  try {
    signal.throwIfAborted();
    return await work(signal);
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error;
  } finally {
    clearTimeout(timer);
  }
};

/** Settles as `work` does, or rejects as soon as `signal` aborts, for work that may not heed it. */
export const orAbort = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
};
