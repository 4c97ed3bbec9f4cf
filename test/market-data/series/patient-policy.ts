import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';

/** A policy without retries whose limits no test of series reaches. */
export const createPatientPolicy = (dependency: 'tiingo' | 'twelve_data'): Policy =>
  createPolicy({
    dependency,
    attemptTimeoutMs: 10_000,
    retries: 0,
    breaker: { failures: 100, resetMs: 200 },
    bulkhead: { concurrent: 4, waiting: 4 },
    logger: silentLogger,
    metrics: recordMetrics(),
    clock: systemClock,
  });
