import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInTransaction, type Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { assertFetched } from '#src/market-data/providers/provider.ts';
import { createTwelveDataHttp } from '#src/market-data/providers/twelve-data-http.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { apiKey, type TwelveDataFault } from '#testkit/servers/providers/twelve-data-server.ts';
import { duration, noFallback, setup, sp500, tech5 } from './setup.ts';

test('all symbols of a universe are in one request, with the key in a header', async (t) => {
  const { server, fetch, metrics, provider } = await setup(t);
  const fetched = await fetch(tech5);
  await t.notThrowsAsync(() => assertFetched(tech5, fetched));
  t.is(fetched.source, 'provider');
  t.is(server.requests.length, 1);
  const [{ query, authorization } = t.fail()] = server.requests;
  t.is(query.get('symbol'), 'MSFT,AMZN,IBM,AAPL,GOOG');
  t.is(query.get('interval'), '1month');
  t.is(authorization, `apikey ${apiKey}`);
  t.false(query.toString().includes(apiKey));
  t.deepEqual(fetched.series[0]?.prices[0], {
    date: '2000-01-01',
    open: 49.5,
    high: 51,
    low: 49,
    close: 50,
    volume: 1000,
  });
  t.is(metrics.value(duration, { dependency: 'twelve_data', outcome: 'ok' }), 1);
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'up');
});

test('several pages of daily bars are merged, oldest first, with the volume null', async (t) => {
  const { server, fetch } = await setup(t);
  const fetched = await fetch(sp500);
  await t.notThrowsAsync(() => assertFetched(sp500, fetched));
  t.is(fetched.series[0]?.symbol, '^GSPC');
  t.is(fetched.series[0]?.prices.length, 5_300);
  t.is(fetched.series[0]?.prices[0]?.volume, null);
  t.true(server.requests.length > 1);
  t.true(server.requests.every(({ query }) => query.get('symbol') === 'SPX'));
});

type Series = { values: Record<string, unknown>[]; meta: Record<string, unknown> };
const first = (change: (series: Series) => void): TwelveDataFault => ({
  kind: 'change',
  change: (body) => {
    change(body['MSFT'] as Series);
    return body;
  },
});

const badAnswers: Readonly<Record<string, TwelveDataFault>> = {
  'status 500': { kind: 'status', status: 500 },
  'error 500 with status 200': { kind: 'error_in_200', code: 500 },
  'a refused key with status 200': { kind: 'error_in_200', code: 401 },
  'a refused key': { kind: 'status', status: 401 },
  'a redirect': { kind: 'status', status: 302 },
  'a reset in the middle of the body': { kind: 'reset' },
  'a truncated body': { kind: 'truncated' },
  'something other than JSON': { kind: 'not_json' },
  null: { kind: 'change', change: () => null },
  'a list': { kind: 'change', change: () => [] },
  'a price NaN': first(({ values }) => (values[3]!['close'] = 'NaN')),
  'a price null': first(({ values }) => (values[3]!['close'] = null)),
  'a price that is a list': first(({ values }) => (values[3]!['close'] = ['51.5'])),
  'an infinite price': first(({ values }) => (values[3]!['close'] = '1e999')),
  'schema drift': first(({ values }) => {
    values[3]!['last'] = values[3]!['close'];
    delete values[3]!['close'];
  }),
  '200,000 empty objects': { kind: 'change', change: () => Array.from({ length: 200_000 }, () => ({})) },
  'more bars than were asked for': first(({ values }) => values.push(...Array(5_000).fill(values[0]!))),
  'as many wrong bars as were asked for': first(({ values }) =>
    values.splice(0, 24, ...Array.from({ length: 5_000 }, () => ({}))),
  ),
  'a symbol less': {
    kind: 'change',
    change: (body) => Object.fromEntries(Object.entries(body).filter(([symbol]) => symbol !== 'MSFT')),
  },
  'an error for one symbol': {
    kind: 'change',
    change: (body) => ({ ...body, IBM: { code: 404, message: 'not found', status: 'error' } }),
  },
  "another symbol's prices": first(({ meta }) => (meta['symbol'] = 'IBM')),
  'another interval': first(({ meta }) => (meta['interval'] = '1day')),
  'another currency': first(({ meta }) => (meta['currency'] = 'GBp')),
  'two prices for one date': first(({ values }) => values.push({ ...values[0]!, close: '7.0' })),
  'a price from the future': first(({ values }) => (values[23]!['datetime'] = '2999-12-01')),
};

for (const [name, fault] of Object.entries(badAnswers)) {
  test(`external_api_bad_response for ${name}`, async (t) => {
    const { server, refused, provider } = await setup(t);
    server.fault = fault;
    const { code, error } = await refused(tech5);
    t.is(code, 'external_api_bad_response');
    t.false(`${error?.message} ${String(error?.cause)}`.includes(apiKey));
    t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'degraded');
  });
}

test('equal bars of one date count once, and times of day and clock skew do not change a date', async (t) => {
  const { server, fetch } = await setup(t);
  server.clockSkewMs = -3 * 86_400_000;
  server.fault = first(({ values }) => {
    values.push({ ...values[0]! });
    values[1]!['datetime'] = `${String(values[1]!['datetime'])} 23:30:00`;
  });
  const fetched = await fetch(tech5);
  await t.notThrowsAsync(() => assertFetched(tech5, fetched));
  t.is(fetched.series[0]?.prices.length, 24);
  t.is(fetched.series[0]?.prices[1]?.date, '2000-02-01');
});

for (const kind of ['hang', 'drip'] as const) {
  test(`external_api_timeout for the fault ${kind}`, async (t) => {
    const { server, refused, metrics } = await setup(t, { timeoutMs: 300 });
    server.fault = { kind };
    const { code, tookMs } = await refused(tech5);
    t.is(code, 'external_api_timeout');
    // Without the timeout the request would not end. The limit is far above 300 ms because of busy machines.
    t.true(tookMs < 3_000, `${tookMs} ms`);
    t.is(metrics.value(duration, { outcome: 'timeout' }), 1);
  });
}

test('a refused connection gives external_api_unavailable', async (t) => {
  const metrics = recordMetrics();
  const http = createTwelveDataHttp({ baseUrl: 'http://127.0.0.1:9', apiKey, connectTimeoutMs: 4_000 });
  t.teardown(http.close);
  const error = await t.throwsAsync(http.get('time_series', { query: {}, symbols: 1 }, AbortSignal.timeout(5_000)), {
    instanceOf: AppError,
  });
  t.is(error?.code, 'external_api_unavailable');
  t.is(metrics.value(duration), 0);
});

test('after a 429 the request is repeated after Retry-After, or the caller gets it if it is after the deadline', async (t) => {
  const { server, fetch, refused, metrics } = await setup(t, { retries: 2, timeoutMs: 6_000 });
  server.fault = { kind: 'throttle', retryAfter: '1' };
  const startedAt = performance.now();
  const fetched = fetch(tech5);
  await eventually(() => server.requests.length === 1, 'the first request is answered with 429');
  server.fault = undefined;
  await fetched;
  t.true(performance.now() - startedAt >= 1_000);
  t.is(server.requests.length, 2);
  t.is(metrics.value('volwatch_retries_total', { dependency: 'twelve_data' }), 1);

  server.fault = { kind: 'throttle', retryAfter: '30' };
  const { code, error, tookMs } = await refused(tech5);
  t.is(code, 'external_api_unavailable');
  t.is(error?.retryAfter, 30);
  t.true(tookMs < 1_000);
  t.is(server.requests.length, 3);
});

test('an error 429 with status 200, and a Retry-After date of a skewed clock, give the seconds to wait', async (t) => {
  const { server, refused } = await setup(t);
  server.fault = { kind: 'throttle', inBody: true };
  const { code, error } = await refused(tech5);
  t.is(code, 'external_api_unavailable');
  t.true((error?.retryAfter ?? 0) >= 1 && (error?.retryAfter ?? 99) <= 60);
  server.clockSkewMs = 3_600_000;
  server.fault = { kind: 'throttle', retryAfter: new Date(Date.now() + 3_600_000 + 40_000).toUTCString() };
  const { error: dated } = await refused(tech5);
  t.true(Math.abs((dated?.retryAfter ?? 0) - 40) <= 2, String(dated?.retryAfter));
});

test('without enough credits a request is refused and not sent', async (t) => {
  const { server, fetch, refused } = await setup(t, { perMinute: 8 });
  await fetch(tech5);
  const { code, error } = await refused(tech5);
  t.is(code, 'external_api_unavailable');
  t.true((error?.retryAfter ?? 0) > 0);
  t.is(server.requests.length, 1);
});

test('a full bulkhead, spent credits and an abort by the caller are no failures of the provider', async (t) => {
  const { server, provider, fetch, refused } = await setup(t, { timeoutMs: 30_000, perMinute: 50 });
  const health = async () => (await provider.healthCheck.check(AbortSignal.timeout(100))).status;
  server.fault = { kind: 'hang' };
  const caller = new AbortController();
  const slow = Array.from({ length: 8 }, () => provider.fetch(tech5, caller.signal, { fallback: false }));
  const ended = Promise.allSettled(slow);
  await eventually(() => server.requests.length === 4, 'all places of the bulkhead are taken');
  t.is((await refused(tech5)).code, 'external_api_unavailable', 'the bulkhead is full');
  t.is(await health(), 'up');
  caller.abort(new AppError('shutting_down'));
  await ended;
  t.is(await health(), 'up');
  server.fault = undefined;
  await t.notThrowsAsync(fetch(tech5));
  t.is((await refused(tech5)).code, 'external_api_unavailable', 'the credits are spent');
  t.is(await health(), 'up');
});

test('a failing provider opens the circuit, and a successful probe closes it', async (t) => {
  const { server, refused, fetch, metrics, provider } = await setup(t);
  server.fault = { kind: 'status', status: 503 };
  for (let call = 0; call < 3; call += 1) await refused(tech5);
  t.is(metrics.value('volwatch_circuit_breaker_state', { dependency: 'twelve_data' }), 2);
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'down');
  const sent = server.requests.length;
  t.is((await refused(tech5)).code, 'external_api_unavailable');
  t.is(server.requests.length, sent);
  server.fault = undefined;
  await eventually(
    () =>
      fetch(tech5).then(
        () => true,
        () => false,
      ),
    'the circuit lets a probe through',
  );
  t.is(metrics.value('volwatch_circuit_breaker_state', { dependency: 'twelve_data' }), 0);
  t.is((await provider.healthCheck.check(AbortSignal.timeout(100))).status, 'up');
});

test('a fetch inside a transaction is refused', async (t) => {
  const { server, fetch } = await setup(t);
  await t.throwsAsync(
    runInTransaction({} as Transaction, () => fetch(tech5)),
    { message: /inside a transaction/ },
  );
  t.is(server.requests.length, 0);
});

const manyAssets = (count: number): Universe => ({
  ...tech5,
  assets: Array.from({ length: count }, () => tech5.assets)
    .flat()
    .slice(0, count)
    .map((asset, index) => ({ ...asset, symbol: `${asset.symbol}${index}`, name: asset.symbol })),
  indexes: [],
});

test('a call has at most 32 assets whatever the credits are, and a request at most 8 whole histories', async (t) => {
  const { server, provider, fetch } = await setup(t);
  t.is(provider.maxAssetsPerFetch, 32);
  t.is((await setup(t, { perMinute: 5 })).provider.maxAssetsPerFetch, 5);
  const universe = manyAssets(32);
  const [bars] = server.bars.values();
  for (const { symbol } of universe.assets) server.bars.set(symbol, bars!);
  const fetched = await fetch(universe);
  t.is(fetched.series.length, 32);
  t.deepEqual(
    server.requests.map(({ query }) => query.get('symbol')!.split(',').length),
    [8, 8, 8, 8],
  );
  const since = new Map(universe.assets.map(({ symbol }) => [symbol, '2001-06-01']));
  await provider.fetch(universe, new AbortController().signal, { ...noFallback, since });
  t.is(server.requests.at(-1)!.query.get('symbol')!.split(',').length, 32);
});
