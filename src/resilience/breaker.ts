import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Dependency } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { breakerStates, type BreakerState } from '#src/kernel/ports/policy.ts';

type BreakerDeps = {
  readonly dependency: Dependency;
  /** Number of consecutive failures that open the circuit. */
  readonly failures: number;
  /** Time that the circuit stays open before one call is a probe. */
  readonly resetMs: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type Breaker = {
  readonly state: () => BreakerState;
  /** Milliseconds until a call can be a probe; 0 if the circuit is not open. */
  readonly retryInMs: () => number;
  /** Milliseconds for which `run` refuses calls; 0 if it would run one now. */
  readonly refusedMs: () => number;
  /** Runs `work`. Returns undefined and does not run it while the circuit is open or another call is the probe. */
  readonly run: <T>(work: () => Promise<T>) => Promise<{ readonly value: T } | undefined>;
};

/** Nobody knows when a probe ends. */
const probeMs = 1_000;

const stateOf: Partial<Record<CircuitState, BreakerState>> = {
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
};

/**
 * Circuit breaker of cockatiel with an additional gate. In the state half-open, cockatiel lets all callers wait for the
 * probe without a timeout, and then runs all of them. With the gate exactly one call runs and the others are refused
 * immediately.
 */
export const createBreaker = (deps: BreakerDeps): Breaker => {
  const { dependency, failures, resetMs, isFailure, logger, metrics, clock } = deps;
  const circuit = circuitBreaker(handleWhen(isFailure), {
    breaker: new ConsecutiveBreaker(failures),
    // The gate below decides when a probe may run, so the waiting time of cockatiel is 0.
    halfOpenAfter: 0,
  });
  let openedAt = -Infinity;
  let probing = false;

  const state = (): BreakerState => stateOf[circuit.state] ?? 'closed';
  const retryInMs = (): number => (state() === 'open' ? Math.max(0, openedAt + resetMs - clock.monotonic()) : 0);
  const refusedMs = (): number => {
    if (state() === 'closed') return 0;
    return probing ? probeMs : retryInMs();
  };
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
    refusedMs,
    run: async (work) => {
      if (refusedMs() > 0) return undefined;
      if (state() === 'closed') return { value: await circuit.execute(work) };
      probing = true;
      try {
        return { value: await circuit.execute(work) };
      } finally {
        probing = false;
      }
    },
  };
};
