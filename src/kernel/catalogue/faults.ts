import type { ErrorCode } from './errors.ts';

/** The closed list of places where a fault can be injected (outside production, `FAULT_INJECTION=true`). */
export const faultPoints = [
  'auth.verify',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
  'provider.fetch',
  'pricing.engine',
  'pricing.worker',
  'cache.get',
] as const;
export type FaultPoint = (typeof faultPoints)[number];

export const faultModes = ['error', 'delay', 'hang', 'crash'] as const;
export type FaultMode = (typeof faultModes)[number];

/** A fault as data. */
export type LentFault = {
  readonly mode: FaultMode;
  /** Milliseconds waited before the mode takes effect. */
  readonly delayMs: number;
  /** What mode `error` throws. */
  readonly errorCode: ErrorCode;
};

export type Faults = {
  /** Does nothing unless a fault is set at `point`: then it throws an AppError, waits, hangs until `signal`, or kills the process. */
  readonly reach: (point: FaultPoint, signal?: AbortSignal) => Promise<void>;
  /** True when a fault is set at `point`: lets a hot path skip the await. */
  readonly armed: (point: FaultPoint) => boolean;
  /** The fault that this pass feels, counted here and felt by another thread. */
  readonly lend: (point: FaultPoint) => LentFault | undefined;
};

export const noFaults: Faults = { reach: async () => {}, armed: () => false, lend: () => undefined };
