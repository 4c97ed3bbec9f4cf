/** The closed list of places where a fault can be injected (outside production, `FAULT_INJECTION=true`). */
export const faultPoints = [
  'auth.verify',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
  'provider.fetch',
  'pricing.engine',
  'cache.get',
] as const;
export type FaultPoint = (typeof faultPoints)[number];

export const faultModes = ['error', 'delay', 'hang', 'crash'] as const;
export type FaultMode = (typeof faultModes)[number];

export type Faults = {
  /** Does nothing unless a fault is set at `point`: then it throws an AppError, waits, hangs until `signal`, or kills the process. */
  readonly reach: (point: FaultPoint, signal?: AbortSignal) => Promise<void>;
  /** True when a fault is set at `point`: lets a hot path skip the await. */
  readonly armed: (point: FaultPoint) => boolean;
};

export const noFaults: Faults = { reach: async () => {}, armed: () => false };
