import test from 'ava';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';

type Send = (signal: AbortSignal) => Promise<unknown>;

const answer: Send = async () => 'ok';
const fail: Send = async () => {
  throw new AppError('external_api_bad_response');
};
const hang: Send = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));

/** A dependency behind a real policy with one place and no queue. */
const setup = ({ retries = 0, failures = 100, attemptTimeoutMs = 30_000 } = {}) => {
  const policy = createPolicy({
    dependency: 'smtp',
    attemptTimeoutMs,
    retries,
    breaker: { failures, resetMs: 60_000 },
    bulkhead: { concurrent: 1, waiting: 0 },
    logger: silentLogger,
    metrics: recordMetrics(),
    clock: systemClock,
  });
  const { watch, healthCheck } = createDependencyHealth({ dependency: 'smtp', policy, work: 'message' });
  const call = (send: Send, { signal = new AbortController().signal, beforeAttempt = async () => {} } = {}) =>
    watch((run) =>
      run({ signal, deadline: systemClock.monotonic() + 60_000, idempotent: true, beforeAttempt }, send),
    ).then(
      () => 'ok',
      (error: unknown) => codeOf(error),
    );
  return { watch, call, health: () => healthCheck.check(new AbortController().signal) };
};

test('a failure of the dependency is known until the next success, with its code', async (t) => {
  const { call, health } = setup();
  t.deepEqual(await health(), { status: 'up', detail: 'circuit closed' });
  await call(fail);
  const failed = { status: 'degraded', detail: 'circuit closed; last message: external_api_bad_response' } as const;
  t.deepEqual(await health(), failed);
  await call(answer);
  t.like(await health(), { status: 'up' });
});

test('the timeout of an attempt is a failure with the code of the timeout', async (t) => {
  const { call, health } = setup({ attemptTimeoutMs: 20 });
  t.is(await call(hang), 'external_api_timeout');
  t.like(await health(), { status: 'degraded', detail: 'circuit closed; last message: external_api_timeout' });
});

test('an answer that proves bad after its request is a failure', async (t) => {
  const { watch, health } = setup();
  const read = watch(async (run) => {
    const call = { signal: new AbortController().signal, deadline: Infinity, idempotent: true };
    await run(call, answer);
    throw new AppError('external_api_bad_response');
  });
  await t.throwsAsync(read, { code: 'external_api_bad_response' });
  t.like(await health(), { status: 'degraded' });
});

test('a full bulkhead, a spent quota, an abort by the caller and a fault of this service are no failures', async (t) => {
  const { watch, call, health } = setup();
  const caller = new AbortController();
  const slow = call(hang, { signal: caller.signal });
  t.is(await call(answer), 'external_api_unavailable', 'the bulkhead is full');
  t.like(await health(), { status: 'up' });
  caller.abort(new AppError('external_api_timeout'));
  t.is(await slow, 'external_api_timeout', 'the caller has its own deadline');
  t.like(await health(), { status: 'up' });
  const beforeAttempt = async (): Promise<never> => {
    throw new AppError('external_api_unavailable', 'the quota is spent', { retryAfter: 60 });
  };
  t.is(await call(answer, { beforeAttempt }), 'external_api_unavailable');
  t.like(await health(), { status: 'up' });
  await t.throwsAsync(watch(() => Promise.reject(new TypeError('a bug'))));
  t.like(await health(), { status: 'up' });
});

test('what this service refuses after a failure does not hide the failure', async (t) => {
  const { call, health } = setup({ retries: 1 });
  let attempts = 0;
  const once = async (): Promise<void> => {
    attempts += 1;
    if (attempts > 1) throw new AppError('external_api_unavailable', 'the quota is spent', { retryAfter: 60 });
  };
  t.is(await call(fail, { beforeAttempt: once }), 'external_api_unavailable', 'the quota refused the retry');
  t.like(await health(), { status: 'degraded', detail: 'circuit closed; last message: external_api_bad_response' });
  await call(answer, { beforeAttempt: once });
  t.like(await health(), { status: 'degraded' });
});

test('an open circuit is down, and names the failure that opened it', async (t) => {
  const { call, health } = setup({ failures: 2 });
  await call(fail);
  await call(fail);
  t.is(await call(answer), 'external_api_unavailable', 'the circuit is open');
  t.like(await health(), { status: 'down', detail: 'circuit open; last message: external_api_bad_response' });
});
