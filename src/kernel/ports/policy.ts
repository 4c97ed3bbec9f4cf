export const breakerStates = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof breakerStates)[number];

export type Call = {
  /** Aborts the call, because the caller disconnected or its deadline passed. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. No attempt starts after this time. */
  readonly deadline: number;
  /** Whether the request may be sent more than once. */
  readonly idempotent: boolean;
  /**
   * Runs before each attempt, also before a retry, and is not part of the timeout of the attempt. If it throws, nothing is
   * sent and the call ends with its error. It does not run while the circuit refuses calls.
   */
  readonly beforeAttempt?: (call: Pick<Call, 'signal' | 'deadline'>) => Promise<void>;
};

/**
 * Timeout, retries, circuit breaker and bulkhead of a dependency. All callers of a dependency must share one policy.
 */
export type Policy = {
  /**
   * Waits for a place in the bulkhead and runs `work`. Retries it with full jitter while breaker, retry budget and
   * deadline allow. Each attempt has its own signal with a timeout. Only AppErrors of category external_api are
   * retried.
   * @throws AppError `external_api_unavailable` (circuit open, bulkhead full), `external_api_timeout`, the error of
   *   `work`, or the reason of `signal`
   */
  readonly run: <T>(call: Call, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly state: () => BreakerState;
  /** Milliseconds for which the circuit refuses calls; about a second while a probe is in progress; 0 if it lets a call through. */
  readonly refusedMs: () => number;
};
