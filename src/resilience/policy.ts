import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError, codeOf } from '#src/kernel/errors.ts';
import type { Dependency } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { LabelsOf, Metrics } from '#src/kernel/metrics.ts';
import type { Call, Policy } from '#src/kernel/policy.ts';
import { createBreaker } from './breaker.ts';
import { createRetryBudget } from './retry-budget.ts';

export type PolicyDeps = {
  readonly dependency: Dependency;
  /** Longest single attempt, and how many more may follow it. */
  readonly attemptTimeoutMs: number;
  readonly retries: number;
  readonly breaker: { readonly failures: number; readonly resetMs: number };
  /** Calls at a time, and how many more may wait for their turn. */
  readonly bulkhead: { readonly concurrent: number; readonly waiting: number };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

const backOffMs = { first: 100, most: 5_000 };

/** "Full jitter": anywhere from 0 to the exponential bound, so that callers spread out. */
const backOff = (retry: number): number =>
  Math.random() * Math.min(backOffMs.most, backOffMs.first * 2 ** Math.min(retry, 10));

type Outcome = LabelsOf<'volwatch_dependency_request_duration_seconds'>['outcome'];

const isExternal = (error: unknown): error is AppError =>
  error instanceof AppError && error.code.startsWith('external_api_');

/** One that says when to come back is alive: it neither opens the circuit nor hurries the next attempt. */
const isThrottled = (error: unknown): boolean => isExternal(error) && error.retryAfter !== undefined;

/** Settles as `work` does, or as soon as `signal` aborts: who waits for a place must not wait on. */
const orAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

/** Made once for each dependency and handed to all its callers: breaker, budget and bulkhead live from that. */
export const createPolicy = (deps: PolicyDeps): Policy => {
  const { dependency, attemptTimeoutMs, retries, metrics, logger, clock } = deps;
  const breaker = createBreaker({
    ...deps,
    ...deps.breaker,
    isFailure: (error) => isExternal(error) && !isThrottled(error),
  });
  const budget = createRetryBudget();
  const places = bulkhead(deps.bulkhead.concurrent, deps.bulkhead.waiting);

  const observe = (outcome: Outcome, begun: number): void => {
    const seconds = (clock.monotonic() - begun) / 1_000;
    metrics.observe('volwatch_dependency_request_duration_seconds', { dependency, outcome }, seconds);
  };
  const rejected = (why: string, retryAfter: number): AppError => {
    observe('rejected', clock.monotonic());
    return new AppError('external_api_unavailable', why, { retryAfter });
  };

  const timed = async <T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const begun = clock.monotonic();
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(new AppError('external_api_timeout')), attemptTimeoutMs);
    const signal = AbortSignal.any([outer, timeout.signal]);
    try {
      signal.throwIfAborted();
      const value = await work(signal);
      observe('ok', begun);
      return value;
    } catch (error) {
      observe(signal.aborted || codeOf(error) === 'external_api_timeout' ? 'timeout' : 'error', begun);
      // Whatever an aborted attempt throws, why it was aborted says more.
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  };

  /** Milliseconds to wait before the next attempt; undefined when there must not be one. */
  const pause = (error: unknown, retry: number, { idempotent, deadline, signal }: Call): number | undefined => {
    if (!idempotent || retry >= retries || signal.aborted || !isExternal(error)) return undefined;
    const wait = error.retryAfter === undefined ? backOff(retry) : error.retryAfter * 1_000 + backOff(0);
    if (clock.monotonic() + wait >= deadline) return undefined;
    return budget.take() ? wait : undefined;
  };

  const attempts = async <T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    budget.called();
    for (let retry = 0; ; retry += 1) {
      let ran: { readonly value: T } | undefined;
      try {
        ran = await breaker.run(() => timed(call.signal, work));
      } catch (error) {
        const wait = pause(error, retry, call);
        if (wait === undefined) throw error;
        metrics.count('volwatch_retries_total', { dependency });
        trace.getActiveSpan()?.addEvent('dependency.retry', { 'volwatch.dependency': dependency });
        logger.info({ dependency, code: codeOf(error), retry_in_ms: Math.round(wait) }, 'trying again');
        await sleep(wait, undefined, { signal: call.signal }).catch(() => {
          throw call.signal.reason;
        });
        continue;
      }
      if (!ran) throw rejected('The circuit is open', Math.max(1, Math.ceil(breaker.retryInMs() / 1_000)));
      budget.succeeded();
      return ran.value;
    }
  };

  return {
    state: breaker.state,
    run: async (call, work) => {
      try {
        return await orAborted(
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
