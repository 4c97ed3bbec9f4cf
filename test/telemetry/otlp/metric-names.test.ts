import test from 'ava';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';
import { otlpAttributes, otlpMetricName } from '#src/telemetry/metrics/otlp/metric-names.ts';

const suffixOfUnit: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/** The mapping of OpenTelemetry to Prometheus, for the units that occur: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ */
const prometheusName = (name: string, unit: string, isCounter: boolean): string =>
  `${name.replaceAll('.', '_')}${suffixOfUnit[unit] ?? ''}${isCounter ? '_total' : ''}`;

const names: [name: string, type: string][] = Object.entries(metricCatalogue).map(([name, { type }]) => [name, type]);

test('the mapping of OpenTelemetry gives each metric its name of /metrics back, and no two have one name', (t) => {
  const seen = new Set<string>();
  for (const [name, type] of names) {
    const otlp = otlpMetricName(name, type);
    t.is(prometheusName(otlp.name, otlp.unit, type === 'counter'), name);
    t.false(seen.has(otlp.name), otlp.name);
    seen.add(otlp.name);
  }
});

test('a metric with a dot in its name has a name of the conventions or the namespace of the service', (t) => {
  for (const [name, type] of names) {
    const otlp = otlpMetricName(name, type);
    if (name.startsWith('volwatch_')) t.regex(otlp.name, /^volwatch\.[a-z_]+$/);
    else if (name !== 'target_info') t.regex(otlp.name, /^(?:http\.server|db\.client)\.[a-z._]+$/);
    t.regex(otlp.unit, /^(?:s|By|\{[a-z]+\}|)$/, name);
  }
});

test('metrics of prom-client keep their names without unit and `_total`', async (t) => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const found = await registry.getMetricsAsJSON();
  t.true(found.length > 20);
  for (const { name, type } of found) {
    const isCounter = String(type) === 'counter';
    const otlp = otlpMetricName(name, isCounter ? 'counter' : 'gauge');
    t.is(prometheusName(otlp.name, otlp.unit, isCounter), name);
  }
  t.deepEqual(otlpMetricName('process_cpu_seconds_total', 'counter'), {
    name: 'process_cpu',
    unit: 's',
    addable: false,
  });
});

test('labels of the conventions have their attribute, the status is a number, an empty label is left out', (t) => {
  t.deepEqual(
    otlpAttributes({
      http_request_method: 'GET',
      http_route: '/a',
      http_response_status_code: '200',
      error_type: '',
      le: '0.1',
      pool: 'primary',
    }),
    { 'http.request.method': 'GET', 'http.route': '/a', 'http.response.status_code': 200, pool: 'primary' },
  );
});
