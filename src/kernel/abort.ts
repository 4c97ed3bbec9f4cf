/**
 * Settles like `work`, or rejects with the reason of `signal` when the signal aborts first. `work` itself continues, so
 * this is for work that may ignore the signal.
 */
export const orAbort = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

export type Timeout = {
  readonly timeoutMs: number;
  /** @returns the reason of the signal after the timeout */
  readonly reason: () => Error;
  /** Undefined: only the timeout aborts. */
  readonly outer: AbortSignal | undefined;
};

/** Runs `work` with a signal that aborts after `timeoutMs`, or when `outer` aborts. What `work` returns or throws is given on. */
export const withTimeout = async <T>(
  { timeoutMs, reason, outer }: Timeout,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(reason()), timeoutMs);
  try {
    return await work(outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]));
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Resolves when `work` resolves or rejects, or after `timeoutMs`.
 * @returns whether `work` has ended
 */
export const within = async (timeoutMs: number, work: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const ended = Promise.allSettled([work]).then(() => true);
  try {
    return await Promise.race([ended, timeout]);
  } finally {
    clearTimeout(timer);
  }
};
