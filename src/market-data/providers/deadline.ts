import { withTimeout } from '#src/kernel/abort.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { ErrorCode } from '#src/kernel/catalogue/errors.ts';

const abortError = ({ reason }: AbortSignal): AppError =>
  reason instanceof AppError ? reason : new AppError('shutting_down', undefined, { cause: reason });

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or when `outer` aborts. After an abort, any error of `work`
 * is replaced by the reason of the abort.
 * @throws AppError `code` after the timeout; the AppError of `outer`, or `shutting_down` if its reason is no AppError
 */
export const withDeadline = <T>(
  { timeoutMs, code, outer }: { readonly timeoutMs: number; readonly code: ErrorCode; readonly outer: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> =>
  withTimeout({ timeoutMs, outer, reason: () => new AppError(code) }, async (signal) => {
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (error) {
      throw signal.aborted ? abortError(signal) : error;
    }
  });
