export const breakerStates = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof breakerStates)[number];

export type Call = {
  /** Ends the call: the caller went away, or its deadline passed. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds after which no further attempt begins. */
  readonly deadline: number;
  /** Whether the same request may be sent twice. */
  readonly idempotent: boolean;
};

/** How a dependency is called: one policy for each, shared by all its callers. */
export type Policy = {
  /**
   * Runs `work` under everything that the dependency's policy says: a place in the bulkhead, attempts with full jitter
   * in between as long as breaker, budget and deadline allow, each ended by its own signal. `work` throws AppErrors of
   * category external_api for what may pass by itself; anything else is not tried again.
   * @throws AppError `external_api_unavailable` (circuit open, bulkhead full), `external_api_timeout`, what `work`
   *   threw, or the reason of `signal`
   */
  readonly run: <T>(call: Call, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly state: () => BreakerState;
};
