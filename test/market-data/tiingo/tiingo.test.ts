import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInTransaction, type Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { assertFetched } from '#src/market-data/providers/provider.ts';
import { eventually } from '#testkit/eventually.ts';
import { tiingoBar, tiingoKey } from '#testkit/servers/providers/tiingo-server.ts';
import { setup, universe } from './setup.ts';

const duration = 'volwatch_dependency_request_duration_seconds';

test('each symbol is one request, with the key in a header and the symbol of the provider', async (t) => {
  const { server, fetch, metrics, provider } = await setup(t);
  const fetched = await fetch();
  await t.notThrowsAsync(() => assertFetched(universe, fetched));
  t.is(fetched.source, 'provider');
  t.deepEqual(
    server.requests.map(({ ticker, authorization }) => ({ ticker, authorization })),
    ['MSFT', 'BRK-B'].map((ticker) => ({ ticker, authorization: `Token ${tiingoKey}` })),
  );
  t.true(server.requests.every(({ query }) => !query.toString().includes(tiingoKey)));
  t.is(server.requests[0]?.query.get('startDate'), '2000-01-01');
  t.is(fetched.series[0]?.prices.length, 500);
  t.deepEqual(fetched.series[1], {
    symbol: 'BRK.B',
    prices: [
      {
        date: '2000-01-03',
        open: 2_000,
        high: 2_020,
        low: 1_980,
        close: 2_000,
        volume: 1_000,
        dividend: null,
        splitFactor: null,
      },
      {
        date: '2000-01-04',
        open: 2_010,
        high: 2_010 * 1.01,
        low: 2_010 * 0.99,
        close: 2_010,
        volume: 1_000,
        dividend: null,
        splitFactor: null,
      },
    ],
  });
  t.is(metrics.value(duration, { dependency: 'tiingo', outcome: 'ok' }), 2);
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'up');
});

test('prices are those of the day, with the splits and dividends of the day, in the order of the dates', async (t) => {
  const { server, fetch } = await setup(t);
  server.bars.set('MSFT', [
    tiingoBar('2000-01-05', 51, { splitFactor: 2 }),
    tiingoBar('2000-01-03', 100, { divCash: 0.5, open: 0 }),
    tiingoBar('2000-01-04', 101),
  ]);
  const [msft] = (await fetch()).series;
  t.deepEqual(
    msft?.prices.map(({ date, open, close, dividend, splitFactor }) => ({ date, open, close, dividend, splitFactor })),
    [
      { date: '2000-01-03', open: null, close: 100, dividend: 0.5, splitFactor: null },
      { date: '2000-01-04', open: 101, close: 101, dividend: null, splitFactor: null },
      { date: '2000-01-05', open: 51, close: 51, dividend: null, splitFactor: 2 },
    ],
  );
});

test('only the wanted days are asked for, and an answer without new days is no fault', async (t) => {
  const { server, fetch } = await setup(t);
  const since = new Map([
    ['MSFT', '2001-11-26'],
    ['BRK.B', '2000-02-01'],
  ]);
  const fetched = await fetch(universe, { since });
  await t.notThrowsAsync(() => assertFetched(universe, fetched));
  t.deepEqual(
    server.requests.map(({ query }) => query.get('startDate')),
    ['2001-11-26', '2000-02-01'],
  );
  t.like(fetched.series[0], { since: '2001-11-26', prices: { 0: { date: '2001-11-26' } } });
  t.deepEqual(fetched.series[1], { symbol: 'BRK.B', since: '2000-02-01', prices: [] });
});

test('weekly and monthly bars are made of the daily ones, in shares of the last day', async (t) => {
  const { server, fetch } = await setup(t);
  server.bars.set('MSFT', [
    tiingoBar('2000-01-27', 90, { high: 96, low: 88, open: 92 }),
    tiingoBar('2000-01-31', 100, { high: 104, low: 98, divCash: 1 }),
    tiingoBar('2000-02-01', 52, { high: 53, low: 48, splitFactor: 2, divCash: 0.25 }),
    tiingoBar('2000-02-02', 50, { high: 51, low: 49 }),
  ]);
  const only: Universe = { ...universe, assets: universe.assets.slice(0, 1), from: '2000-01-27' };
  const monthly = await fetch({ ...only, interval: '1month' });
  await t.notThrowsAsync(() => assertFetched(only, monthly));
  t.is(server.requests[0]?.query.get('startDate'), '2000-01-01', 'the first month is asked for as a whole');
  t.is(server.requests[0]?.query.get('resampleFreq'), 'daily');
  t.deepEqual(monthly.series[0]?.prices, [
    { date: '2000-01-31', open: 92, high: 104, low: 88, close: 100, volume: 2_000, dividend: 1, splitFactor: null },
    { date: '2000-02-02', open: 52, high: 53, low: 48, close: 50, volume: 2_000, dividend: 0.25, splitFactor: 2 },
  ]);
  const weekly = await fetch({ ...only, interval: '1week' });
  t.deepEqual(weekly.series[0]?.prices, [
    { date: '2000-01-27', open: 92, high: 96, low: 88, close: 90, volume: 1_000, dividend: null, splitFactor: null },
    // Monday is in shares before the split: 104 is 52, and 1 is 0.5, of the shares of Wednesday.
    { date: '2000-02-02', open: 50, high: 53, low: 48, close: 50, volume: 4_000, dividend: 0.75, splitFactor: 2 },
  ]);
});

test('a spent limit is told with the time of the next attempt: 429, a text with status 200, and our own count', async (t) => {
  const { server, refused, provider } = await setup(t, { perHour: 3 });
  server.fault = { kind: 'throttle', retryAfter: '7' };
  t.like(await refused(), { code: 'external_api_unavailable', retryAfter: 7 });
  t.like(await provider.healthCheck.check(AbortSignal.timeout(100)), {
    status: 'degraded',
    detail: 'circuit closed; last fetch: external_api_unavailable',
  });
  server.fault = { kind: 'limit_text' };
  const { code, retryAfter } = await refused();
  t.is(code, 'external_api_unavailable');
  t.true(retryAfter! > 0 && retryAfter! <= 3_600);
  server.fault = undefined;
  // Two requests are spent, so the second symbol has none, and no request is sent for it.
  t.like(await refused(), { code: 'external_api_unavailable', retryAfter: 600 });
  t.is(server.requests.length, 3);
});

test('a retry costs a credit, and is not sent without one', async (t) => {
  const { server, refused } = await setup(t, { retries: 1, perHour: 1 });
  server.fault = { kind: 'status', status: 503 };
  t.like(await refused(), { code: 'external_api_unavailable', retryAfter: 600 });
  t.is(server.requests.length, 1);
});

test('a full bulkhead, spent requests and an abort by the caller are no failures of the provider', async (t) => {
  const { server, provider, fetch, refused } = await setup(t, { timeoutMs: 30_000, perHour: 11 });
  const health = async () => (await provider.healthCheck.check(AbortSignal.timeout(100))).status;
  server.fault = { kind: 'hang' };
  const caller = new AbortController();
  const slow = Array.from({ length: 8 }, () => provider.fetch(universe, caller.signal, { fallback: false }));
  const ended = Promise.allSettled(slow);
  await eventually(() => server.requests.length === 4, 'all places of the bulkhead are taken');
  t.is((await refused()).code, 'external_api_unavailable', 'the bulkhead is full');
  t.is(await health(), 'up');
  caller.abort(new AppError('shutting_down'));
  await ended;
  t.is(await health(), 'up');
  server.fault = undefined;
  await t.notThrowsAsync(fetch());
  t.is((await refused()).code, 'external_api_unavailable', 'the requests are spent');
  t.is(await health(), 'up');
});

test('a part has at most ten symbols, and not more than the requests of an hour', async (t) => {
  t.is((await setup(t)).provider.maxAssetsPerFetch, 10);
  t.is((await setup(t, { perHour: 4 })).provider.maxAssetsPerFetch, 4);
});

test('an answer that hangs or drips ends at the timeout', async (t) => {
  for (const kind of ['hang', 'drip'] as const) {
    const { server, refused } = await setup(t, { timeoutMs: 400 });
    server.fault = { kind };
    const startedAt = performance.now();
    t.is((await refused()).code, 'external_api_timeout');
    t.true(performance.now() - startedAt < 3_000);
  }
});

test('a retry answers a temporary fault, and the circuit opens after repeated ones', async (t) => {
  const { server, fetch, refused, provider } = await setup(t, { retries: 1 });
  server.fault = { kind: 'status', status: 503, answers: 1 };
  await t.notThrowsAsync(fetch());
  t.is(server.requests.length, 3, 'the first symbol is asked for twice');
  server.fault = { kind: 'status', status: 503 };
  t.is((await refused()).code, 'external_api_bad_response');
  await refused();
  const sent = server.requests.length;
  t.is((await refused()).code, 'external_api_unavailable');
  t.is(server.requests.length, sent, 'nothing is sent while the circuit is open');
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'down');
});

test('it refuses to be called inside a transaction', async (t) => {
  const { fetch, server } = await setup(t);
  await t.throwsAsync(
    runInTransaction({} as Transaction, () => fetch()),
    { message: /transaction/ },
  );
  t.is(server.requests.length, 0);
});

test('a request that is refused for its ticker is not tried again, and opens no circuit for other tickers', async (t) => {
  const { server, fetch, refused, metrics, provider } = await setup(t, { retries: 2 });
  server.failing = (ticker) => ticker === 'MSFT';
  for (const status of [400, 404, 405, 414, 422, 431]) {
    server.fault = { kind: 'status', status };
    const before = server.requests.length;
    t.like(await refused(), { code: 'external_api_bad_response' });
    t.is(server.requests.length, before + 1, `${status}: no further attempt`);
    t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'degraded', `${status}`);
  }
  t.is(metrics.value(duration, { dependency: 'tiingo', outcome: 'error' }), 0);
  await t.notThrowsAsync(fetch({ ...universe, assets: [universe.assets[1]!] }));
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'up');
});

test('a refused key, a proxy and a timeout of the server are failures, and open the circuit', async (t) => {
  for (const status of [401, 403, 407, 408, 302]) {
    const { server, refused, provider } = await setup(t);
    server.fault = { kind: 'status', status };
    for (let round = 0; round < 3; round += 1) t.like(await refused(), { code: 'external_api_bad_response' });
    t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'down', `${status}`);
    t.like(await refused(), { code: 'external_api_unavailable' });
  }
});
