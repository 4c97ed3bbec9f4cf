import type { ErrorCode } from './errors.ts';

/** The closed list of places where a fault can be injected (outside production, `FAULT_INJECTION=true`). */
export const faultPoints = [
  'auth.verify',
  'upload.read',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
  'quality.measure',
  'provider.fetch',
  'pricing.engine',
  'pricing.worker',
  'cache.get',
] as const;
export type FaultPoint = (typeof faultPoints)[number];

export const faultModes = ['error', 'delay', 'hang', 'crash'] as const;
export type FaultMode = (typeof faultModes)[number];

/** A fault as data, for a thread or process that has no fault control. */
export type TakenFault = {
  readonly mode: FaultMode;
  /** Milliseconds to wait before the mode takes effect. */
  readonly delayMs: number;
  /** The code of the error that mode `error` throws. */
  readonly errorCode: ErrorCode;
};

export type Faults = {
  /**
   * Applies the fault that is set at `point`; without one it does nothing. Depending on its mode the fault throws an
   * AppError, waits, hangs until `signal` aborts, or kills the process.
   */
  readonly reach: (point: FaultPoint, signal?: AbortSignal) => Promise<void>;
  /** True if a fault is set at `point`. A hot path can then skip the await of `reach`. */
  readonly armed: (point: FaultPoint) => boolean;
  /**
   * Takes one use of the fault at `point`, counts and logs it, and returns it. The caller hands it to another thread or
   * process, which applies it.
   */
  readonly take: (point: FaultPoint) => TakenFault | undefined;
};

export const noFaults: Faults = { reach: async () => {}, armed: () => false, take: () => undefined };
