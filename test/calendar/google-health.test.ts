import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createGoogleCalendar } from '#src/calendar/google/google-calendar.ts';
import { createGooglePlaces } from '#src/calendar/google/google-places.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const unused = async (): Promise<never> => {
  throw new Error('this endpoint is not called');
};

/** Google behind a real policy. `server` is what the token endpoint does, `credits` the requests left in this minute. */
const setup = (bulkhead = { concurrent: 4, waiting: 16 }, failures = 100, timeoutMs = 10_000) => {
  const state = { credits: 1_000, items: [] as unknown[], server: async (): Promise<void> => {} };
  const google = createGoogleCalendar({
    oauth: {
      consentUrl: () => 'https://accounts.example',
      exchange: unused,
      refresh: unused,
      revoke: () => state.server(),
    },
    events: { request: async () => ({ body: { items: state.items, nextSyncToken: 'next' }, bytes: 100 }) },
    policy: createPolicy({
      dependency: 'google_calendar',
      attemptTimeoutMs: 5_000,
      retries: 2,
      breaker: { failures, resetMs: 1_000 },
      bulkhead,
      logger: silentLogger,
      metrics: recordMetrics(),
      clock: systemClock,
    }),
    credits: {
      take: async (count) => {
        if (state.credits < count) return 60_000;
        state.credits -= count;
        return 0;
      },
    },
    places: createGooglePlaces({ metrics: noMetrics }),
    timeoutMs,
    clock: systemClock,
  });
  const never = new AbortController().signal;
  const request = { accessToken: 'token', syncToken: undefined, pageToken: undefined, before: '2030-01-01T00:00:00Z' };
  return {
    state,
    page: () =>
      google.page(request, never).then(
        () => 'ok',
        (error: unknown) => codeOf(error),
      ),
    call: (signal = never) =>
      google.revoke('token', signal).then(
        () => 'ok',
        (error: unknown) => codeOf(error),
      ),
    health: async () => (await google.healthCheck.check(never)).status,
  };
};

const fail = async (): Promise<never> => {
  throw new AppError('external_api_bad_response');
};

test('a spent quota is no failure of Google', async (t) => {
  const { state, call, health } = setup();
  state.credits = 1;
  t.is(await call(), 'ok');
  t.is(await call(), 'external_api_unavailable');
  t.is(await health(), 'up');
});

test('pages of one calendar that cannot be read open no circuit for the calendars of others', async (t) => {
  const { state, page, call, health } = setup(undefined, 2);
  state.items = Array.from({ length: 50 }, () => ({ id: 'x'.repeat(2_000) }));
  for (let round = 0; round < 6; round += 1) t.is(await page(), 'external_api_bad_response');
  t.is(await call(), 'ok');
  t.is(await health(), 'up');
  state.items = [];
  t.is(await page(), 'ok');
});

test('a full bulkhead is no failure of Google', async (t) => {
  const { state, call, health } = setup({ concurrent: 1, waiting: 0 });
  state.server = () => sleep(200);
  const first = call();
  t.is(await call(), 'external_api_unavailable');
  t.is(await health(), 'up');
  t.is(await first, 'ok');
});

test('an abort by the caller is no failure of Google', async (t) => {
  const { state, call, health } = setup();
  const caller = new AbortController();
  state.server = async () => {
    caller.abort(new AppError('external_api_timeout'));
    throw new AppError('external_api_unavailable');
  };
  t.is(await call(caller.signal), 'external_api_timeout');
  t.is(await health(), 'up');
});

test('a failure of Google stays known when the quota refuses the retry and later calls, until Google answers', async (t) => {
  const { state, call, health } = setup();
  state.server = fail;
  state.credits = 1;
  t.is(await call(), 'external_api_unavailable', 'the quota refused the retry');
  t.is(await health(), 'degraded');
  t.is(await call(), 'external_api_unavailable');
  t.is(await health(), 'degraded');
  state.server = async () => {};
  state.credits = 1;
  t.is(await call(), 'ok');
  t.is(await health(), 'up');
});

test('a call that waits for its place ends with its signal or its time, and gives no place away', async (t) => {
  const { state, call, health } = setup({ concurrent: 100, waiting: 0 }, 100, 300);
  const gate = Promise.withResolvers<void>();
  state.server = () => gate.promise;
  const running = [call(), call()];
  const caller = new AbortController();
  const [left, late] = [call(caller.signal), call()];
  caller.abort(new AppError('shutting_down'));
  t.is(await left, 'shutting_down');
  t.is(await late, 'external_api_unavailable');
  t.is(await health(), 'up');
  gate.resolve();
  t.deepEqual(await Promise.all(running), ['ok', 'ok']);
  state.server = async () => {};
  t.deepEqual(await Promise.all(Array.from({ length: 5 }, () => call())), ['ok', 'ok', 'ok', 'ok', 'ok']);
});

test('a call that waits for its next attempt holds no place', async (t) => {
  const { state, call } = setup({ concurrent: 100, waiting: 0 });
  let refusals = 2;
  state.server = async () => {
    refusals -= 1;
    if (refusals >= 0) throw new AppError('external_api_unavailable', 'try later', { retryAfter: 2 });
  };
  const throttled = [call(), call()];
  const startedAt = performance.now();
  t.is(await call(), 'ok');
  t.true(performance.now() - startedAt < 1_500, 'the others wait two seconds');
  t.deepEqual(await Promise.all(throttled), ['ok', 'ok']);
});

test('requests and jobs have places of their own', async (t) => {
  const { state, call } = setup({ concurrent: 100, waiting: 0 });
  const gate = Promise.withResolvers<void>();
  let sent = 0;
  state.server = () => {
    sent += 1;
    return gate.promise;
  };
  const fromRequest = () => runInRequest({ clientIp: '192.0.2.1', timings: {} } as RequestContext, () => call());
  const calls = [...Array.from({ length: 6 }, fromRequest), ...Array.from({ length: 4 }, () => call())];
  await eventually(() => sent >= 6, 'the calls with a place are sent');
  await new Promise((resolve) => setImmediate(resolve));
  t.is(sent, 6, 'four of requests, two of jobs');
  gate.resolve();
  t.deepEqual([...new Set(await Promise.all(calls))], ['ok']);
});
