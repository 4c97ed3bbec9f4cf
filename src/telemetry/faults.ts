import { setTimeout as wait } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { AppError, type ErrorCode } from '../kernel/catalogue/errors.ts';
import { faultPoints, noFaults, type FaultMode, type FaultPoint, type Faults } from '../kernel/catalogue/faults.ts';
import type { Logger } from '../kernel/ports/logger.ts';
import type { Metrics } from '../kernel/catalogue/metrics.ts';

export type Fault = {
  readonly mode: FaultMode;
  /** The share of the calls that the fault affects, from 0 to 1. */
  readonly probability: number;
  /** Milliseconds to wait before the mode takes effect. Mode `delay` does nothing else. */
  readonly delay_ms: number;
  /** The number of calls that the fault still affects. Absent: until it is cleared. */
  readonly count?: number;
  /** For mode `error`. Absent: the code of a real fault at this point. */
  readonly error_code?: ErrorCode;
};

export type FaultControl = Faults & {
  readonly list: () => readonly (Fault & { readonly point: FaultPoint })[];
  readonly get: (point: FaultPoint) => Fault | undefined;
  /** Replaces the fault at the point. Callers that hang or wait there continue. */
  readonly set: (point: FaultPoint, fault: Fault) => void;
  readonly clear: (point: FaultPoint) => void;
};

export type FaultDeps = {
  /** If false, no fault can be set and `reach` never does anything. */
  readonly enabled: boolean;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  readonly random?: () => number;
  /** What mode `crash` does. Default: SIGKILL to this process, because no handler can catch it. */
  readonly crash?: () => void;
};

/** The code of a real fault at each point. The cache treats every error at `cache.get` as a miss. */
const defaultCode: Readonly<Record<FaultPoint, ErrorCode>> = {
  'auth.verify': 'auth_service_error',
  'upload.read': 'request_timeout',
  'refresh.ensure_assets': 'database_unavailable',
  'refresh.store_prices': 'database_unavailable',
  'quality.measure': 'database_unavailable',
  'refresh.calculate_index_values': 'database_unavailable',
  'refresh.commit': 'database_unavailable',
  'provider.fetch': 'external_api_unavailable',
  'pricing.engine': 'pricing_calculation_failed',
  'pricing.worker': 'pricing_calculation_failed',
  'cache.get': 'external_api_unavailable',
};

const refuseChange = (): void => {
  throw new AppError('resource_not_found', 'Fault injection is switched off');
};

/** Faults that an operator sets on the admin port. Each use is a span event, an increase of a metric and a warning. */
export const createFaults = ({
  enabled,
  metrics,
  logger,
  random = Math.random,
  crash = killThisProcess,
}: FaultDeps): FaultControl => {
  if (!enabled) return { ...noFaults, list: () => [], get: () => undefined, set: refuseChange, clear: refuseChange };
  // `fault` is undefined after its count is used up. The entry stays, so that clearing still releases waiting callers.
  const active = new Map<FaultPoint, { fault: Fault | undefined; readonly released: AbortController }>();

  const clear = (point: FaultPoint): void => {
    active.get(point)?.released.abort();
    active.delete(point);
  };

  /** The fault that affects this call; its count is reduced by one. */
  const useOnce = (point: FaultPoint): { readonly fault: Fault; readonly released: AbortSignal } | undefined => {
    const entry = active.get(point);
    const fault = entry?.fault;
    if (entry === undefined || fault === undefined || random() >= fault.probability) return undefined;
    if (fault.count !== undefined) entry.fault = fault.count > 1 ? { ...fault, count: fault.count - 1 } : undefined;
    return { fault, released: entry.released.signal };
  };

  const report = (point: FaultPoint, { mode }: Fault): void => {
    trace.getActiveSpan()?.addEvent('fault.injected', { 'fault.point': point, 'fault.mode': mode });
    metrics.count('volwatch_faults_injected_total', { point, mode });
    logger.warn({ fault_point: point, fault_mode: mode }, 'fault injected');
  };

  return {
    armed: (point) => active.get(point)?.fault !== undefined,
    reach: async (point, signal) => {
      const taken = useOnce(point);
      if (taken === undefined) return;
      const { fault, released } = taken;
      report(point, fault);
      if (fault.delay_ms > 0) await pause(fault.delay_ms, signal, released);
      if (fault.mode === 'hang') await pause(undefined, signal, released);
      else if (fault.mode === 'crash') crash();
      else if (fault.mode === 'error') {
        throw new AppError(fault.error_code ?? defaultCode[point], `Injected fault at ${point}`);
      }
    },
    take: (point) => {
      const fault = useOnce(point)?.fault;
      if (fault === undefined) return undefined;
      report(point, fault);
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

/** The max duration of a Node timer. */
const maxTimerMs = 2_147_483_647;

/**
 * Waits for `milliseconds`, or without a limit. Returns early when `released` aborts, because the fault was cleared.
 * @throws the reason of `signal` when it aborts
 */
const pause = async (
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
  released: AbortSignal,
): Promise<void> => {
  const either = signal ? AbortSignal.any([signal, released]) : released;
  try {
    await wait(milliseconds ?? maxTimerMs, undefined, { signal: either });
  } catch {
    signal?.throwIfAborted();
  }
};

const killThisProcess = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
