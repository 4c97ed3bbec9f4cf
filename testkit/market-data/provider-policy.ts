import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { createPolicy } from '#src/resilience/policy.ts';

type ProviderPolicy = {
  readonly dependency: 'tiingo' | 'twelve_data';
  /** Of all attempts together. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** Time for which the circuit stays open. */
  readonly resetMs: number;
  readonly metrics: Metrics;
};

/** The policy of a provider in tests: three failures open its circuit. */
export const createProviderPolicy = ({ dependency, timeoutMs, retries, resetMs, metrics }: ProviderPolicy): Policy =>
  createPolicy({
    dependency,
    attemptTimeoutMs: timeoutMs / (retries + 1),
    retries,
    breaker: { failures: 3, resetMs },
    bulkhead: { concurrent: 4, waiting: 4 },
    logger: silentLogger,
    metrics,
    clock: systemClock,
  });
