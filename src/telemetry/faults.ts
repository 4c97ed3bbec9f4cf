import { setTimeout as wait } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { AppError, type ErrorCode } from '../kernel/catalogue/errors.ts';
import { faultPoints, noFaults, type FaultMode, type FaultPoint, type Faults } from '../kernel/catalogue/faults.ts';
import type { Logger } from '../kernel/ports/logger.ts';
import type { Metrics } from '../kernel/catalogue/metrics.ts';

export type Fault = {
  readonly mode: FaultMode;
  /** From 0 to 1: the share of passes that feel it. */
  readonly probability: number;
  /** Milliseconds waited before the mode takes effect; the whole effect of `delay`. */
  readonly delay_ms: number;
  /** How many more passes feel it, then it is gone; absent: until cleared. */
  readonly count?: number;
  /** For mode `error`; absent: what a real fault at the point would become. */
  readonly error_code?: ErrorCode;
};

export type FaultControl = Faults & {
  readonly list: () => readonly (Fault & { readonly point: FaultPoint })[];
  readonly get: (point: FaultPoint) => Fault | undefined;
  /** Replaces the fault at the point; whoever hangs or waits there goes on. */
  readonly set: (point: FaultPoint, fault: Fault) => void;
  readonly clear: (point: FaultPoint) => void;
};

export type FaultDeps = {
  /** When false no fault can be set: `reach` does nothing, for ever. */
  readonly enabled: boolean;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** A number from 0 to below 1. */
  readonly random?: () => number;
  /** What mode `crash` does; default: SIGKILL to this process, which no handler can soften. */
  readonly crash?: () => void;
};

/** What a real fault becomes. A cache treats whatever is thrown at `cache.get` as a miss. */
const defaultCode: Readonly<Record<FaultPoint, ErrorCode>> = {
  'auth.verify': 'auth_service_error',
  'refresh.ensure_assets': 'database_unavailable',
  'refresh.store_prices': 'database_unavailable',
  'refresh.calculate_index_values': 'database_unavailable',
  'refresh.commit': 'database_unavailable',
  'provider.fetch': 'external_api_unavailable',
  'pricing.engine': 'pricing_calculation_failed',
  'pricing.worker': 'pricing_calculation_failed',
  'cache.get': 'external_api_unavailable',
};

const neverSettable = (): void => {
  throw new AppError('resource_not_found', 'Fault injection is switched off');
};

/** Faults that an operator sets on the admin port. Each one felt is a span event, a count and a warning. */
export const createFaults = ({
  enabled,
  metrics,
  logger,
  random = Math.random,
  crash = killThisProcess,
}: FaultDeps): FaultControl => {
  if (!enabled) return { ...noFaults, list: () => [], get: () => undefined, set: neverSettable, clear: neverSettable };
  // `fault` is undefined once its count is used up; the entry stays so that clearing still releases who hangs there.
  const active = new Map<FaultPoint, { fault: Fault | undefined; readonly released: AbortController }>();

  const clear = (point: FaultPoint): void => {
    active.get(point)?.released.abort();
    active.delete(point);
  };

  /** The fault that this pass feels, with its count used up by one. */
  const take = (point: FaultPoint): { readonly fault: Fault; readonly released: AbortSignal } | undefined => {
    const entry = active.get(point);
    const fault = entry?.fault;
    if (entry === undefined || fault === undefined || random() >= fault.probability) return undefined;
    if (fault.count !== undefined) entry.fault = fault.count > 1 ? { ...fault, count: fault.count - 1 } : undefined;
    return { fault, released: entry.released.signal };
  };

  const tell = (point: FaultPoint, { mode }: Fault): void => {
    trace.getActiveSpan()?.addEvent('fault.injected', { 'fault.point': point, 'fault.mode': mode });
    metrics.count('volwatch_faults_injected_total', { point, mode });
    logger.warn({ fault_point: point, fault_mode: mode }, 'fault injected');
  };

  return {
    armed: (point) => active.get(point)?.fault !== undefined,
    reach: async (point, signal) => {
      const taken = take(point);
      if (taken === undefined) return;
      const { fault, released } = taken;
      tell(point, fault);
      if (fault.delay_ms > 0) await pause(fault.delay_ms, signal, released);
      if (fault.mode === 'hang') await pause(undefined, signal, released);
      else if (fault.mode === 'crash') crash();
      else if (fault.mode === 'error') {
        throw new AppError(fault.error_code ?? defaultCode[point], `Injected fault at ${point}`);
      }
    },
    lend: (point) => {
      const fault = take(point)?.fault;
      if (fault === undefined) return undefined;
      tell(point, fault);
      return { mode: fault.mode, delayMs: fault.delay_ms, errorCode: fault.error_code ?? defaultCode[point] };
    },
    list: () =>
      faultPoints.flatMap((point) => {
        const fault = active.get(point)?.fault;
        return fault ? [{ point, ...fault }] : [];
      }),
    get: (point) => active.get(point)?.fault,
    set: (point, fault) => {
      clear(point);
      active.set(point, { fault, released: new AbortController() });
    },
    clear,
  };
};

const longestTimer = 2_147_483_647;

/** Waits; returns early when `released` aborts (the fault was cleared), throws the caller's own reason when `signal` does. */
const pause = async (
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
  released: AbortSignal,
): Promise<void> => {
  const either = signal ? AbortSignal.any([signal, released]) : released;
  try {
    await wait(milliseconds ?? longestTimer, undefined, { signal: either });
  } catch {
    signal?.throwIfAborted();
  }
};

const killThisProcess = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
