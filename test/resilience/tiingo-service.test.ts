import anyTest, { type TestFn } from 'ava';
import { errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  checksum,
  damage,
  dependencyStatus,
  metric,
  openMetrics,
  refresh,
  refreshRecordOf,
  refreshedAtStart,
  scrape,
  serve,
  takeToken,
} from '#testkit/running-service.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import {
  startTiingoServer,
  tiingoKey,
  type TiingoFault,
  type TiingoServer,
} from '#testkit/servers/providers/tiingo-server.ts';
import { apiKey, startTwelveDataServer, type TwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';
import type { Service } from '#testkit/service.ts';

type Context = {
  readonly service: Service;
  readonly database: TestDatabase;
  readonly provider: TiingoServer;
  readonly other: TwelveDataServer;
  readonly collector: OtlpReceiver;
  readonly token: string;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];
/** A half of it is the timeout of an attempt. A busy machine must not reach it without a fault. */
const providerTimeoutMs = 6_000;
const requests = 'volwatch_dependency_request_duration_seconds';

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const provider = await startTiingoServer(suite);
  const other = await startTwelveDataServer(suite);
  const collector = await startOtlpReceiver(suite);
  const service = await serve(suite, {
    DATABASE_URL: database.url,
    MARKET_DATA_PROVIDER: 'tiingo',
    TIINGO_API_KEY: tiingoKey,
    TIINGO_BASE_URL: provider.url,
    TIINGO_REQUESTS_PER_HOUR: '100000',
    TWELVE_DATA_API_KEY: apiKey,
    TWELVE_DATA_BASE_URL: other.url,
    TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
    PROVIDER_TIMEOUT_MS: String(providerTimeoutMs),
    PROVIDER_RETRIES: '1',
    BREAKER_FAILURES: '4',
    BREAKER_RESET_MS: '1000',
    RATE_LIMIT_ENABLED: 'false',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  await refreshedAtStart(service);
  t.context = { service, database, provider, other, collector, token: await takeToken(service) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

const succeeds = async ({ service, token }: Context, universe = 'tech5'): Promise<boolean> =>
  (await refresh(service, token, universe)).body['status'] === 'succeeded';

type Case = { readonly fault: TiingoFault; readonly code: ErrorCode; readonly outcome: 'error' | 'timeout' | 'ok' };
const bad: Pick<Case, 'code' | 'outcome'> = { code: 'external_api_bad_response', outcome: 'error' };
const cases: Readonly<Record<string, Case>> = {
  429: { fault: { kind: 'throttle', retryAfter: '30' }, code: 'external_api_unavailable', outcome: 'error' },
  'a spent limit with status 200': {
    fault: { kind: 'limit_text' },
    code: 'external_api_unavailable',
    outcome: 'error',
  },
  500: { fault: { kind: 'status', status: 500 }, ...bad },
  timeout: { fault: { kind: 'hang' }, code: 'external_api_timeout', outcome: 'timeout' },
  'a truncated body': { fault: { kind: 'truncated' }, ...bad },
  'schema drift': { fault: { kind: 'change', change: (bars) => ({ data: bars }) }, ...bad, outcome: 'ok' },
};

for (const [name, { fault, code, outcome }] of Object.entries(cases)) {
  test.serial(
    `${name}: ${code}, no rows written, visible in log, metric, trace and health, then recovery`,
    async (t) => {
      const { service, database, provider, collector, token } = t.context;
      await eventually(() => succeeds(t.context), 'a first refresh succeeds');
      await damage(database);
      const before = await checksum(database);
      const labels = { dependency: 'tiingo', outcome };
      const requestsBefore = metric(await scrape(service), `${requests}_count`, labels);
      provider.fault = fault;

      const answer = await refresh(service, token, 'tech5');
      const record = refreshRecordOf(answer);
      t.like(answer, { status: errorTable[code].status, body: { code, category: 'external_api' } });
      t.like(record, { status: 'failed', reason: code, prices: 0 });
      t.is(await checksum(database), before);

      const traceId = String(record['trace_id']);
      const failed = service.log.find((line) => line['trace_id'] === traceId && line.message === 'refresh failed');
      t.is(failed?.['code'], code);
      t.true(metric(await scrape(service), `${requests}_count`, labels) > requestsBefore);
      await collector.received(traceId);
      await eventually(async () => (await dependencyStatus(service, 'tiingo')) !== 'up', 'the health is not up');

      provider.fault = undefined;
      await eventually(() => succeeds(t.context), 'a refresh succeeds');
      t.not(await checksum(database), before);
      await eventually(async () => (await dependencyStatus(service, 'tiingo')) === 'up', 'the health is up');
    },
  );
}

test.serial('an open circuit of one provider leaves the other one alone', async (t) => {
  const { service, provider, other, token } = t.context;
  const made = await call(`${service.url}/api/v1/universes/named`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-none-match': '*' },
    body: JSON.stringify({
      source: 'twelve_data',
      interval: '1month',
      from: '2000-01-01',
      assets: [{ symbol: 'OTHER' }],
      indexes: [],
    }),
  });
  t.is(made.status, 201, made.text);
  other.bars.set('OTHER', other.bars.get('MSFT')!);
  provider.fault = { kind: 'status', status: 503 };
  const state = async (dependency: string): Promise<number> =>
    metric(await scrape(service), 'volwatch_circuit_breaker_state', { dependency });
  await eventually(
    async () => (await refresh(service, token, 'tech5')).status === 503 && (await state('tiingo')) === 2,
    'the circuit of Tiingo is open',
  );
  await eventually(async () => (await dependencyStatus(service, 'tiingo')) === 'down', 'the health is down');
  await eventually(() => succeeds(t.context, 'named'), 'a universe of the other provider is refreshed');
  t.is(await state('twelve_data'), 0);
  t.is(await dependencyStatus(service, 'twelve_data'), 'up');
  provider.fault = undefined;
  await eventually(() => succeeds(t.context), 'a refresh succeeds');
  await eventually(async () => (await dependencyStatus(service, 'tiingo')) === 'up', 'the health is up');
});

test.serial('no log line, span, metric or answer contains the API key', async (t) => {
  const { service, collector, provider } = t.context;
  t.true(provider.requests.length > 0);
  t.true(provider.requests.every(({ authorization }) => authorization === `Token ${tiingoKey}`));
  t.false(JSON.stringify(service.log).includes(tiingoKey));
  t.false(collector.bytes().includes(Buffer.from(tiingoKey)));
  t.false((await scrape(service, openMetrics)).includes(tiingoKey));
  t.false((await call(`${service.url}/health`)).text.includes(tiingoKey));
});

/** Both took 15 s of the event loop and more than a gigabyte, or ended the process, when the whole list was checked at once. */
for (const [name, count] of [
  ['as many as a share can have', 50_000],
  ['200,000', 200_000],
] as const) {
  test.serial(`an answer of empty bars, ${name}, is refused and does not hold the event loop`, async (t) => {
    const { service, provider, token } = t.context;
    await eventually(() => succeeds(t.context), 'a refresh succeeds');
    provider.fault = { kind: 'change', change: () => Array.from({ length: count }, () => ({})) };
    const ended = new AbortController();
    const refused = refresh(service, token, 'tech5').finally(() => ended.abort());
    let longestMs = 0;
    while (!ended.signal.aborted) {
      const began = performance.now();
      t.is((await call(`${service.url}/health/live`)).status, 200);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
    provider.fault = undefined;
    t.is((await refused).body['code'], 'external_api_bad_response');
    // The limit is far above the measured time because of busy machines.
    t.true(longestMs < 3_000, `${longestMs} ms`);
    t.is(service.process.exitCode, null);
  });
}
