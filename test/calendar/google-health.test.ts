import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createGoogleCalendar } from '#src/calendar/google/google-calendar.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const unused = async (): Promise<never> => {
  throw new Error('this endpoint is not called');
};

/** Google behind a real policy. `server` is what the token endpoint does, `credits` the requests left in this minute. */
const setup = (bulkhead = { concurrent: 4, waiting: 16 }, failures = 100) => {
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
    timeoutMs: 10_000,
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
