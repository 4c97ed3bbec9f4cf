import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type { Clock } from '#src/kernel/clock.ts';
import type { Dependency } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import { breakerStates, type BreakerState } from '#src/kernel/policy.ts';

type BreakerDeps = {
  readonly dependency: Dependency;
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try. */
  readonly resetMs: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type Breaker = {
  readonly state: () => BreakerState;
  /** Milliseconds until a call may try again; 0 unless open. */
  readonly retryInMs: () => number;
  /** Runs `work`, or undefined without running it: while open, and while another call probes. */
  readonly run: <T>(work: () => Promise<T>) => Promise<{ readonly value: T } | undefined>;
};

const stateOf: Partial<Record<CircuitState, BreakerState>> = {
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
};

/**
 * Cockatiel's breaker behind a gate of our own. In half-open its callers wait, without a bound, for the probe and then
 * all run at once; here exactly one runs and the rest are told at once.
 */
export const createBreaker = (deps: BreakerDeps): Breaker => {
  const { dependency, failures, resetMs, isFailure, logger, metrics, clock } = deps;
  const circuit = circuitBreaker(handleWhen(isFailure), {
    breaker: new ConsecutiveBreaker(failures),
    // The gate below is what decides: it opens only once this has certainly passed.
    halfOpenAfter: 0,
  });
  let openedAt = -Infinity;
  let probing = false;

  const state = (): BreakerState => stateOf[circuit.state] ?? 'closed';
  const retryInMs = (): number => (state() === 'open' ? Math.max(0, openedAt + resetMs - clock.monotonic()) : 0);
  const report = (): void => {
    metrics.set('volwatch_circuit_breaker_state', { dependency }, breakerStates.indexOf(state()));
  };
  report();
  circuit.onStateChange(() => {
    if (state() === 'open') openedAt = clock.monotonic();
    report();
    const level = state() === 'closed' ? 'info' : 'warn';
    logger[level]({ dependency, state: state() }, 'the circuit changed its state');
  });

  return {
    state,
    retryInMs,
    run: async (work) => {
      if (state() === 'closed') return { value: await circuit.execute(work) };
      if (probing || retryInMs() > 0) return undefined;
      probing = true;
      try {
        return { value: await circuit.execute(work) };
      } finally {
        probing = false;
      }
    },
  };
};
