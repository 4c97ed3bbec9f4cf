import { context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import test from 'ava';
import {
  Counter,
  Gauge,
  Histogram,
  Registry,
  type OpenMetricsContentType,
  type PrometheusContentType,
} from 'prom-client';
import { errorCategories, errorCodes } from '#src/kernel/catalogue/errors.ts';
import { metricCatalogue, type MetricDeclaration } from '#src/kernel/catalogue/metrics.ts';
import { negotiateFormat, renderMetrics } from '#src/telemetry/metrics/exposition.ts';
import { createMetrics } from '#src/telemetry/metrics/metrics.ts';

const build = { version: '1.2.3', commit: 'abc' };
const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test.before(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

const target = { serviceName: 'volwatch', instanceId: 'blue-1' };

const setup = () => {
  const registry = new Registry();
  return { registry, metrics: createMetrics({ registry, enabled: true, build, target }) };
};

const inSpan = (traceFlags: TraceFlags, work: () => void): void =>
  context.with(trace.setSpanContext(context.active(), { traceId, spanId, traceFlags }), work);

const routeLabels = {
  http_request_method: 'POST',
  http_route: '/pricing/price',
  http_response_status_code: '200',
  error_type: '',
} as const;

test('every metric of the catalogue is registered with its type and help', async (t) => {
  const { registry } = setup();
  const { body } = await renderMetrics(registry, 'text');
  for (const [name, { type, help }] of Object.entries<MetricDeclaration>(metricCatalogue)) {
    t.true(body.includes(`# HELP ${name} ${help}\n`), name);
    t.true(body.includes(`# TYPE ${name} ${type}\n`), name);
  }
});

test('counters are 0 from the start: every category and code, every fault point, transactions by reason', async (t) => {
  const { registry } = setup();
  const { body } = await renderMetrics(registry, 'text');
  for (const category of errorCategories)
    t.regex(body, new RegExp(`volwatch_errors_total\\{category="${category}",.*\\} 0`));
  for (const code of errorCodes)
    t.regex(body, new RegExp(`volwatch_errors_total\\{.*code="${code}",http_route="unmatched"\\} 0`));
  t.true(body.includes('volwatch_db_transactions_total{operation="refresh.apply",outcome="committed",reason=""} 0'));
  t.true(body.includes('operation="refresh.apply",outcome="rolled_back",reason="database_unavailable"} 0'));
  t.true(body.includes('volwatch_faults_injected_total{point="cache.get",mode="hang"} 0'));
  t.true(body.includes('volwatch_auth_failures_total{reason="token_expired"} 0'));
  t.true(body.includes('volwatch_telemetry_dropped_total{signal="traces",reason="queue_full"} 0'));
});

test('counters, gauges and histograms change by the reported values', async (t) => {
  const { registry, metrics } = setup();
  metrics.count('volwatch_refresh_rows_total', { kind: 'prices' }, 560);
  metrics.count('volwatch_refresh_rows_total', { kind: 'prices' });
  metrics.set('volwatch_dependency_up', { dependency: 'postgres' }, 1);
  metrics.add('http_server_active_requests', { http_request_method: 'GET' }, 2);
  metrics.add('http_server_active_requests', { http_request_method: 'GET' }, -1);
  metrics.observe('http_server_request_duration_seconds', routeLabels, 0.003);
  metrics.observe('volwatch_pricing_batch_size', { format: 'objects' }, 50);
  const { body } = await renderMetrics(registry, 'text');
  t.true(body.includes('volwatch_refresh_rows_total{kind="prices"} 561'));
  t.true(body.includes('volwatch_dependency_up{dependency="postgres"} 1'));
  t.true(body.includes('http_server_active_requests{http_request_method="GET"} 1'));
  t.regex(body, /http_server_request_duration_seconds_bucket\{le="0.0025",.*\} 0/);
  t.regex(body, /http_server_request_duration_seconds_bucket\{le="0.005",.*http_route="\/pricing\/price".*\} 1/);
  t.true(body.includes('volwatch_pricing_batch_size_bucket{le="100",format="objects"} 1'));
});

test('an exemplar comes from a sampled span only', async (t) => {
  const { registry, metrics } = setup();
  metrics.observe('http_server_request_duration_seconds', routeLabels, 0.003);
  inSpan(TraceFlags.NONE, () => metrics.observe('http_server_request_duration_seconds', routeLabels, 0.003));
  t.notRegex((await renderMetrics(registry, 'openmetrics')).body, /trace_id/);
  inSpan(TraceFlags.SAMPLED, () => metrics.observe('http_server_request_duration_seconds', routeLabels, 0.003));
  t.regex(
    (await renderMetrics(registry, 'openmetrics')).body,
    new RegExp(`_bucket\\{le="0.005",.*\\} 3 # \\{trace_id="${traceId}",span_id="${spanId}"\\} 0.003 \\d`),
  );
});

test('every duration histogram takes exemplars, and no other', async (t) => {
  const { registry, metrics } = setup();
  for (const [name, { type, labels }] of Object.entries<MetricDeclaration>(metricCatalogue)) {
    if (type !== 'histogram') continue;
    const some = Object.fromEntries(Object.keys(labels).map((label) => [label, 'some']));
    const report = metrics.observe as (name: string, labels: object, value: number) => void;
    inSpan(TraceFlags.SAMPLED, () => report(name, some, 1));
    const { body } = await renderMetrics(registry, 'openmetrics');
    const seen = body.split('\n').some((line) => line.startsWith(`${name}_bucket`) && line.includes('trace_id'));
    t.is(seen, name.endsWith('_duration_seconds'), name);
  }
});

test('both formats are right when they are scraped one after the other and at the same time', async (t) => {
  const { registry, metrics } = setup();
  inSpan(TraceFlags.SAMPLED, () => metrics.observe('http_server_request_duration_seconds', routeLabels, 0.003));
  const check = (text: string, open: string): void => {
    t.true(text.includes('# TYPE volwatch_errors_total counter\n'));
    t.regex(text, /^process_cpu_user_seconds_total /m);
    t.notRegex(text, /trace_id|# EOF/);
    t.true(open.includes('# TYPE volwatch_errors counter\n'));
    t.regex(open, /^volwatch_errors_total\{/m);
    t.regex(open, /^process_cpu_user_seconds_total /m);
    t.notRegex(open, /_total_total/);
    t.regex(open, /trace_id/);
    t.true(open.endsWith('\n# EOF\n'));
  };
  for (let round = 0; round < 3; round += 1) {
    const open = await renderMetrics(registry, 'openmetrics');
    const text = await renderMetrics(registry, 'text');
    t.is(open.contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    t.is(text.contentType, 'text/plain; version=0.0.4; charset=utf-8');
    check(text.body, open.body);
    const [first, second] = await Promise.all([
      renderMetrics(registry, 'openmetrics'),
      renderMetrics(registry, 'text'),
    ]);
    check(second.body, first.body);
  }
});

test('thousands of series are rendered in several turns of the event loop, with the text of one', async (t) => {
  for (const format of ['text', 'openmetrics'] as const) {
    const registry = new Registry<PrometheusContentType | OpenMetricsContentType>();
    if (format === 'openmetrics') registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const options = { help: 'Help', labelNames: ['name'], registers: [registry] };
    const small = new Counter({ ...options, name: 'small_total' });
    const durations = new Histogram({ ...options, name: 'durations_seconds' });
    const large = new Counter({ ...options, name: 'large_total' });
    const other = new Gauge({ ...options, name: 'other' });
    small.inc({ name: 'one' });
    other.set({ name: 'one' }, 1);
    for (let name = 0; name < 1_001; name += 1) durations.observe({ name: String(name) }, name / 100);
    for (let name = 0; name < 450; name += 1) large.inc({ name: String(name) }, name);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const { body } = await renderMetrics(registry as Registry, format);
    clearImmediate(next);
    t.true(turns >= 7, `${turns} turns`);
    t.is(body, await registry.metrics());
  }
});

test('without telemetry there are build and process metrics, and reports are ignored', async (t) => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: false, build });
  metrics.count('volwatch_refresh_rows_total', { kind: 'prices' });
  const { body } = await renderMetrics(registry, 'text');
  t.true(body.includes(`volwatch_build_info{version="1.2.3",commit="abc",node_version="${process.version}"} 1`));
  t.regex(body, /^nodejs_eventloop_lag_seconds /m);
  t.notRegex(body, /volwatch_refresh/);
});

const accepted: readonly (readonly [accept: string | undefined, format: string])[] = [
  [undefined, 'text'],
  ['*/*', 'text'],
  ['text/plain', 'text'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1', 'openmetrics'],
  ['application/openmetrics-text;version=1.0.0;q=0.1,text/plain;version=0.0.4;q=0.9', 'text'],
  ['application/openmetrics-text;version=0.0.1', 'text'],
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;version=2.0.0', 'text'],
];
for (const [accept, format] of accepted) {
  test(`Accept ${accept ?? 'absent'} is answered with ${format}`, (t) => {
    t.is(negotiateFormat(accept), format as ReturnType<typeof negotiateFormat>);
  });
}
