import { withTimeout } from '#src/kernel/abort.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';
import { orAbort } from '#src/kernel/abort.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Dependency } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Call, Policy } from '#src/kernel/ports/policy.ts';
import { createBreaker } from './breaker.ts';
import { createRetryBudget } from './retry-budget.ts';

export type PolicyDeps = {
  readonly dependency: Dependency;
  readonly attemptTimeoutMs: number;
  /** Max number of retries after the first attempt. */
  readonly retries: number;
  readonly breaker: { readonly failures: number; readonly resetMs: number };
  /** Max number of concurrent calls, and max number of calls that wait for a place. */
  readonly bulkhead: { readonly concurrent: number; readonly waiting: number };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

const backOffMs = { first: 100, max: 5_000 };

/** Full jitter: a random time between 0 and the exponential limit, so that the retries of many callers are spread. */
const backOff = (retry: number): number =>
  Math.random() * Math.min(backOffMs.max, backOffMs.first * 2 ** Math.min(retry, 10));

type Outcome = LabelsOf<'volwatch_dependency_request_duration_seconds'>['outcome'];

const isExternal = (error: unknown): error is AppError =>
  error instanceof AppError && error.code.startsWith('external_api_');

/** A refusal with `retryAfter` does not count as a failure of the circuit, because the dependency works. */
const isThrottled = (error: unknown): boolean => isExternal(error) && error.retryAfter !== undefined;

/**
 * Creates the policy of one dependency. All callers must share it, because breaker, retry budget and bulkhead count the
 * calls of all of them.
 */
export const createPolicy = (deps: PolicyDeps): Policy => {
  const { dependency, attemptTimeoutMs, retries, metrics, logger, clock } = deps;
  const breaker = createBreaker({
    ...deps,
    ...deps.breaker,
    isFailure: (error) => isExternal(error) && !isThrottled(error),
  });
  const budget = createRetryBudget();
  const places = bulkhead(deps.bulkhead.concurrent, deps.bulkhead.waiting);

  const observe = (outcome: Outcome, startedAt: number): void => {
    const seconds = (clock.monotonic() - startedAt) / 1_000;
    metrics.observe('volwatch_dependency_request_duration_seconds', { dependency, outcome }, seconds);
  };
  const rejected = (detail: string, retryAfterSeconds: number): AppError => {
    observe('rejected', clock.monotonic());
    return new AppError('external_api_unavailable', detail, { retryAfter: retryAfterSeconds });
  };

  const timed = <T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    const reason = (): AppError => new AppError('external_api_timeout');
    return withTimeout({ timeoutMs: attemptTimeoutMs, reason, outer }, async (signal) => {
      try {
        signal.throwIfAborted();
        const value = await work(signal);
        observe('ok', startedAt);
        return value;
      } catch (error) {
        observe(signal.aborted || codeOf(error) === 'external_api_timeout' ? 'timeout' : 'error', startedAt);
        // After an abort, the reason of the abort is more useful than the error of the attempt.
        throw signal.aborted ? signal.reason : error;
      }
    });
  };

  /** Milliseconds until the next attempt; undefined if there must be no further attempt. */
  const retryDelayMs = (error: unknown, retry: number, { idempotent, deadline, signal }: Call): number | undefined => {
    if (!idempotent || retry >= retries || signal.aborted || !isExternal(error)) return undefined;
    const wait = error.retryAfter === undefined ? backOff(retry) : error.retryAfter * 1_000 + backOff(0);
    if (clock.monotonic() + wait >= deadline) return undefined;
    return budget.take() ? wait : undefined;
  };

  const circuitOpen = (): AppError =>
    rejected('The circuit is open', Math.max(1, Math.ceil(breaker.retryInMs() / 1_000)));

  /** An open circuit sends nothing, so it must not take from a quota either. */
  const prepare = async (call: Call): Promise<void> => {
    if (!call.beforeAttempt) return;
    if (breaker.refusedMs() > 0) throw circuitOpen();
    try {
      await call.beforeAttempt(call);
    } catch (error) {
      if (!call.signal.aborted) observe('rejected', clock.monotonic());
      throw error;
    }
  };

  const attempts = async <T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    budget.called();
    for (let retry = 0; ; retry += 1) {
      await prepare(call);
      let ran: { readonly value: T } | undefined;
      try {
        ran = await breaker.run(() => timed(call.signal, work));
      } catch (error) {
        const wait = retryDelayMs(error, retry, call);
        if (wait === undefined) throw error;
        metrics.count('volwatch_retries_total', { dependency });
        trace.getActiveSpan()?.addEvent('dependency.retry', { 'volwatch.dependency': dependency });
        logger.info({ dependency, code: codeOf(error), retry_in_ms: Math.round(wait) }, 'the call is retried');
        await sleep(wait, undefined, { signal: call.signal }).catch(() => {
          throw call.signal.reason;
        });
        continue;
      }
      if (!ran) throw circuitOpen();
      budget.succeeded();
      return ran.value;
    }
  };

  return {
    state: breaker.state,
    refusedMs: breaker.refusedMs,
    run: async (call, work) => {
      try {
        // A call that waits for a place in the bulkhead must end when its signal aborts.
        return await orAbort(
          places.execute(() => attempts(call, work), call.signal),
          call.signal,
        );
      } catch (error) {
        if (error instanceof BulkheadRejectedError) throw rejected('Too many calls are in progress', 1);
        throw call.signal.aborted ? call.signal.reason : error;
      }
    },
  };
};
