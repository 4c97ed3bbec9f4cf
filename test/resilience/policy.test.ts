import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Call, Policy } from '#src/kernel/ports/policy.ts';
import { createPolicy, type PolicyDeps } from '#src/resilience/policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const setup = (overrides: Partial<PolicyDeps> = {}) => {
  const metrics = recordMetrics();
  const lines: string[] = [];
  const log = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const policy = createPolicy({
    dependency: 'twelve_data',
    attemptTimeoutMs: 200,
    retries: 2,
    breaker: { failures: 3, resetMs: 100 },
    bulkhead: { concurrent: 1_000, waiting: 0 },
    logger,
    metrics,
    clock: systemClock,
    ...overrides,
  });
  return { policy, metrics, lines };
};

const call = (overrides: Partial<Call> = {}): Call => ({
  signal: new AbortController().signal,
  deadline: systemClock.monotonic() + 10_000,
  idempotent: true,
  ...overrides,
});

const down = async (): Promise<never> => {
  throw new AppError('external_api_unavailable');
};
const codeOfRun = (policy: Policy, work: (signal: AbortSignal) => Promise<unknown>, options = call()) =>
  policy.run(options, work).then(
    () => 'ok',
    (error: unknown) => codeOf(error),
  );

test('the signal of an attempt aborts at the timeout', async (t) => {
  const { policy, metrics } = setup({ retries: 0, attemptTimeoutMs: 50 });
  let stopped = false;
  const code = await codeOfRun(policy, async (signal) => {
    // A call that ends only by its signal.
    await sleep(5_000, undefined, { signal }).catch((error: unknown) => {
      stopped = true;
      throw error;
    });
  });
  t.is(code, 'external_api_timeout');
  t.true(stopped);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'timeout' }), 1);
});

test('only temporary errors of idempotent calls are retried', async (t) => {
  const { policy, metrics } = setup({ breaker: { failures: 100, resetMs: 100 } });
  let attempts = 0;
  const failTwice = async (): Promise<string> => {
    attempts += 1;
    if (attempts < 3) return down();
    return 'answer';
  };
  t.is(await policy.run(call(), failTwice), 'answer');
  t.is(attempts, 3);
  t.is(metrics.value('volwatch_retries_total', { dependency: 'twelve_data' }), 2);

  attempts = 0;
  t.is(await codeOfRun(policy, failTwice, call({ idempotent: false })), 'external_api_unavailable');
  t.is(attempts, 1);
  attempts = 0;
  const programmingError = async (): Promise<never> => {
    attempts += 1;
    throw new Error('a programming error');
  };
  t.is(await codeOfRun(policy, programmingError), 'internal_error');
  t.is(attempts, 1);
});

test('a thousand calls of a failing dependency make at most 1.1 attempts each', async (t) => {
  const { policy, metrics } = setup({ breaker: { failures: 1_000_000, resetMs: 100 } });
  let attempts = 0;
  const counted = async (): Promise<never> => {
    attempts += 1;
    return down();
  };
  await Promise.all(Array.from({ length: 1_000 }, () => codeOfRun(policy, counted)));
  t.true(attempts >= 1_000 && attempts <= 1_100, String(attempts));
  t.is(metrics.value('volwatch_retries_total'), attempts - 1_000);
});

test('in the state half-open exactly one call runs, and its success closes the circuit', async (t) => {
  const { policy, metrics, lines } = setup({ retries: 0 });
  for (let failure = 0; failure < 3; failure += 1) await codeOfRun(policy, down);
  t.is(policy.state(), 'open');
  t.is(metrics.value('volwatch_circuit_breaker_state', { dependency: 'twelve_data' }), 2);
  // The time is the subject: the circuit lets a probe through after 100 ms.
  await sleep(120);
  let running = 0;
  const probe = async (): Promise<void> => {
    running += 1;
    // The duration of the probe.
    await sleep(50);
  };
  const codes = await Promise.all(Array.from({ length: 10 }, () => codeOfRun(policy, probe)));
  t.is(running, 1);
  t.is(codes.filter((code) => code === 'ok').length, 1);
  t.is(codes.filter((code) => code === 'external_api_unavailable').length, 9);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'rejected' }), 9);
  t.is(policy.state(), 'closed');
  t.is(await codeOfRun(policy, probe), 'ok');
  t.deepEqual(
    lines.map((line) => /"state":"(\w+)"/.exec(line)?.[1]),
    ['open', 'half_open', 'closed'],
  );
});

test('the error of an open circuit contains the time until the next probe', async (t) => {
  const { policy } = setup({ retries: 0, breaker: { failures: 1, resetMs: 1_500 } });
  await codeOfRun(policy, down);
  const error = await t.throwsAsync(policy.run(call(), down), { instanceOf: AppError });
  t.is(error?.retryAfter, 2);
});

test('an error with retryAfter does not open the circuit, and is not retried after the deadline', async (t) => {
  const { policy } = setup({ breaker: { failures: 1, resetMs: 100 } });
  let attempts = 0;
  const throttled = async (): Promise<never> => {
    attempts += 1;
    throw new AppError('external_api_unavailable', undefined, { retryAfter: 60 });
  };
  t.is(await codeOfRun(policy, throttled), 'external_api_unavailable');
  t.is(attempts, 1);
  t.is(policy.state(), 'closed');
});

test('a call is refused if the bulkhead and its queue are full, and a waiting call ends when its signal aborts', async (t) => {
  const { policy } = setup({ retries: 0, bulkhead: { concurrent: 1, waiting: 1 } });
  const first = codeOfRun(policy, () => sleep(100));
  const caller = new AbortController();
  const waiting = codeOfRun(policy, async () => t.fail(), call({ signal: caller.signal }));
  t.is(await codeOfRun(policy, async () => t.fail()), 'external_api_unavailable');
  caller.abort(new AppError('shutting_down'));
  t.is(await waiting, 'shutting_down');
  t.is(await first, 'ok');
});

test('what runs before an attempt runs before each retry too, and its error ends the call without a request', async (t) => {
  const { policy, metrics } = setup({ retries: 2, breaker: { failures: 100, resetMs: 100 } });
  let [taken, sent] = [0, 0];
  const beforeAttempt = async (): Promise<void> => {
    if (taken === 2) throw new AppError('external_api_unavailable', 'The quota is spent', { retryAfter: 30 });
    taken += 1;
  };
  const error = await t.throwsAsync(
    policy.run({ ...call(), beforeAttempt }, async () => {
      sent += 1;
      throw new AppError('external_api_bad_response');
    }),
  );
  t.is(error?.message, 'The quota is spent');
  t.is(taken, 2);
  t.is(sent, 2);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'error' }), 2);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'rejected' }), 1);
});

test('what runs before an attempt does not run while the circuit is open, and its error neither opens nor closes it', async (t) => {
  const { policy } = setup({ retries: 0, breaker: { failures: 2, resetMs: 1_000 } });
  let taken = 0;
  const beforeAttempt = async (): Promise<void> => void (taken += 1);
  const spent = async (): Promise<void> => {
    throw new AppError('external_api_unavailable', 'The quota is spent', { retryAfter: 30 });
  };
  for (let refused = 0; refused < 5; refused += 1) {
    await codeOfRun(policy, down, { ...call(), beforeAttempt: spent });
  }
  t.is(policy.state(), 'closed');
  for (let failed = 0; failed < 5; failed += 1) await codeOfRun(policy, down, { ...call(), beforeAttempt });
  t.is(policy.state(), 'open');
  t.is(taken, 2);
  // The time is the subject: the circuit lets a probe through after one second.
  await sleep(1_100);
  await codeOfRun(policy, async () => 'ok', { ...call(), beforeAttempt: spent });
  t.is(policy.state(), 'open', 'a probe that was not sent proves nothing');
  t.is(await codeOfRun(policy, async () => 'ok', { ...call(), beforeAttempt }), 'ok');
  t.is(policy.state(), 'closed');
});

test('refusedMs tells for how long the circuit refuses calls', async (t) => {
  const { policy } = setup({ retries: 0, breaker: { failures: 1, resetMs: 300 } });
  t.is(policy.refusedMs(), 0);
  await codeOfRun(policy, down);
  const left = policy.refusedMs();
  t.true(left > 0 && left <= 300, String(left));
  await sleep(320);
  t.is(policy.refusedMs(), 0, 'a call would be the probe');
  const probe = Promise.withResolvers<void>();
  const probed = codeOfRun(policy, () => probe.promise);
  await sleep(1);
  t.true(policy.refusedMs() > 0, 'a probe is in progress');
  probe.resolve();
  t.is(await probed, 'ok');
  t.is(policy.refusedMs(), 0);
});
