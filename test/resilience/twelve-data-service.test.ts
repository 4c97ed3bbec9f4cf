import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
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
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Service } from '#testkit/service.ts';
import {
  apiKey,
  startTwelveDataServer,
  type TwelveDataFault,
  type TwelveDataServer,
} from '#testkit/servers/providers/twelve-data-server.ts';

type Context = {
  readonly service: Service;
  readonly database: TestDatabase;
  readonly provider: TwelveDataServer;
  readonly collector: OtlpReceiver;
  readonly token: string;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];
const providerTimeoutMs = 1_500;

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const provider = await startTwelveDataServer(suite);
  const collector = await startOtlpReceiver(suite);
  const service = await serve(suite, {
    DATABASE_URL: database.url,
    MARKET_DATA_PROVIDER: 'twelve_data',
    TWELVE_DATA_API_KEY: apiKey,
    TWELVE_DATA_BASE_URL: provider.url,
    TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
    PROVIDER_TIMEOUT_MS: String(providerTimeoutMs),
    PROVIDER_RETRIES: '1',
    BREAKER_FAILURES: '4',
    BREAKER_RESET_MS: '1000',
    RATE_LIMIT_ENABLED: 'false',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  for (const universe of ['tech5', 'sp500']) await refreshedAtStart(service, universe);
  t.context = { service, database, provider, collector, token: await takeToken(service) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

const twelveData = ({ context: { service } }: ExecutionContext<Context>): Promise<string | undefined> =>
  dependencyStatus(service, 'twelve_data');
const requests = 'volwatch_dependency_request_duration_seconds';

const refreshSucceeds = async (service: Service, token: string): Promise<boolean> =>
  (await refresh(service, token, 'tech5')).body['status'] === 'succeeded';

/** True if an exported span contains the error code. No other exported text contains it. */
const spanContains = (collector: OtlpReceiver, code: string): boolean => collector.bytes().includes(Buffer.from(code));

type Case = { readonly fault: TwelveDataFault; readonly code: ErrorCode; readonly outcome: 'error' | 'timeout' | 'ok' };

const values = (body: Record<string, unknown>): Record<string, unknown>[] =>
  (body['MSFT'] as { values: Record<string, unknown>[] }).values;
const cases: Readonly<Record<string, Case>> = {
  429: {
    fault: { kind: 'throttle', retryAfter: '30' },
    code: 'external_api_unavailable',
    outcome: 'error',
  },
  500: { fault: { kind: 'status', status: 500 }, code: 'external_api_bad_response', outcome: 'error' },
  'an error with status 200': {
    fault: { kind: 'error_in_200', code: 500 },
    code: 'external_api_bad_response',
    outcome: 'error',
  },
  timeout: { fault: { kind: 'hang' }, code: 'external_api_timeout', outcome: 'timeout' },
  'a slow drip': { fault: { kind: 'drip' }, code: 'external_api_timeout', outcome: 'timeout' },
  'a reset in the middle of the body': {
    fault: { kind: 'reset' },
    code: 'external_api_bad_response',
    outcome: 'error',
  },
  'a truncated body': { fault: { kind: 'truncated' }, code: 'external_api_bad_response', outcome: 'error' },
  'schema drift': {
    fault: { kind: 'change', change: (body) => ({ ...body, MSFT: { ...(body['MSFT'] as object), values: {} } }) },
    code: 'external_api_bad_response',
    outcome: 'ok',
  },
  NaN: {
    fault: {
      kind: 'change',
      change: (body) => {
        values(body)[1]!['close'] = 'NaN';
        return body;
      },
    },
    code: 'external_api_bad_response',
    outcome: 'ok',
  },
  'a partial answer': {
    fault: { kind: 'change', change: ({ MSFT, IBM }) => ({ MSFT, IBM }) },
    code: 'external_api_bad_response',
    outcome: 'ok',
  },
};

for (const [name, { fault, code, outcome }] of Object.entries(cases)) {
  test.serial(
    `${name}: ${code}, no rows written, visible in log, metric, trace and health, then recovery`,
    async (t) => {
      const { service, database, provider, collector, token } = t.context;
      await damage(database);
      const before = await checksum(database);
      const requestsBefore = metric(await scrape(service), `${requests}_count`, { dependency: 'twelve_data', outcome });
      provider.fault = fault;

      const startedAt = performance.now();
      const answer = await refresh(service, token, 'tech5');
      const body = refreshRecordOf(answer);
      const durationMs = performance.now() - startedAt;

      t.like(answer, { status: errorTable[code].status, body: { code, category: 'external_api' } });
      t.like(body, { status: 'failed', reason: code, assets: 0, prices: 0, index_values: 0 });
      t.true(durationMs < providerTimeoutMs + 1_000, `${durationMs} ms`);
      t.is(await checksum(database), before);
      t.is((await call(`${service.url}/health/live`)).status, 200);

      const traceId = String(body['trace_id']);
      const failed = service.log.find((line) => line['trace_id'] === traceId && line.message === 'refresh failed');
      t.is(failed?.['code'], code);
      t.true(
        metric(await scrape(service), `${requests}_count`, { dependency: 'twelve_data', outcome }) > requestsBefore,
      );
      const exemplars = (await scrape(service, openMetrics))
        .split('\n')
        .filter((line) => line.startsWith(requests) && line.includes('twelve_data'));
      t.true(
        exemplars.some((line) => line.includes(`trace_id="${traceId}"`)),
        exemplars.join('\n'),
      );
      await collector.received(traceId);
      await eventually(() => spanContains(collector, code), 'a span with the code is exported');
      await eventually(async () => (await twelveData(t)) !== 'up', 'the health of twelve_data is not up');

      provider.fault = undefined;
      await eventually(() => refreshSucceeds(service, token), 'a refresh succeeds');
      t.not(await checksum(database), before);
      await eventually(async () => (await twelveData(t)) === 'up', 'the health of twelve_data is up');
    },
  );
}

test.serial('an open circuit is visible in metric, log and health, and a successful probe closes it', async (t) => {
  const { service, provider, token } = t.context;
  provider.fault = { kind: 'status', status: 503 };
  const open = async (): Promise<boolean> =>
    metric(await scrape(service), 'volwatch_circuit_breaker_state', { dependency: 'twelve_data' }) === 2;
  await eventually(
    async () => (await refresh(service, token, 'tech5')).status === 503 && open(),
    'the circuit is open after failed refreshes',
  );
  const refused = await refresh(service, token, 'tech5');
  t.is(refreshRecordOf(refused)['reason'], 'external_api_unavailable');
  await eventually(async () => (await twelveData(t)) === 'down', 'the health of twelve_data is down');
  t.truthy(service.log.find((line) => line.message === 'the circuit changed its state' && line['state'] === 'open'));
  provider.fault = undefined;
  await eventually(() => refreshSucceeds(service, token), 'a refresh succeeds');
  t.is(metric(await scrape(service), 'volwatch_circuit_breaker_state', { dependency: 'twelve_data' }), 0);
  await eventually(async () => (await twelveData(t)) === 'up', 'the health of twelve_data is up');
});

test.serial('no log line, span, metric or answer contains the API key', async (t) => {
  const { service, collector, provider } = t.context;
  t.true(provider.requests.every(({ authorization }) => authorization === `apikey ${apiKey}`));
  t.false(JSON.stringify(service.log).includes(apiKey));
  t.false(collector.bytes().includes(Buffer.from(apiKey)));
  t.false((await scrape(service, openMetrics)).includes(apiKey));
  t.false((await call(`${service.url}/health`)).text.includes(apiKey));
});
