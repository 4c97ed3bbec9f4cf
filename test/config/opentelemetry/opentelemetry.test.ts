import test from 'ava';
import { readTelemetrySettings } from '#src/config/config.ts';
import { exporterVariables, openTelemetryVariables } from '#src/config/opentelemetry/opentelemetry-variables.ts';
import { readOpenTelemetry } from '#src/config/opentelemetry/opentelemetry.ts';

const noticesOf = (environment: Readonly<Record<string, string>>): string[] =>
  readOpenTelemetry(environment).notices.map(({ message }) => message);

test('values are read in any case and in any notation', (t) => {
  const read = (environment: Readonly<Record<string, string>>) => readOpenTelemetry(environment).settings;
  t.is(read({ OTEL_TRACES_SAMPLER: 'ParentBased_TraceIdRatio' }).OTEL_TRACES_SAMPLER, 'parentbased_traceidratio');
  for (const text of ['0.25', '.25', '2.5e-1', '25E-2', ' 0.250 ']) {
    t.is(read({ OTEL_TRACES_SAMPLER_ARG: text }).OTEL_TRACES_SAMPLER_ARG, 0.25, text);
  }
  t.deepEqual(read({ OTEL_PROPAGATORS: 'TraceContext, b3' }).OTEL_PROPAGATORS, ['tracecontext', 'b3']);
  t.is(read({ OTEL_SDK_DISABLED: 'TRUE' }).OTEL_SDK_DISABLED, true);
  t.deepEqual(read({ OTEL_RESOURCE_ATTRIBUTES: 'a=1, b=x%2Cy' }).OTEL_RESOURCE_ATTRIBUTES, { a: '1', b: 'x,y' });
});

const wrong = 'no value of a setting!';
for (const name of Object.keys(openTelemetryVariables)) {
  test(`${name}: a wrong value is reported by name and without the value, and ignored`, (t) => {
    const { settings, notices } = readOpenTelemetry({ [name]: wrong });
    t.is(notices.length, 1);
    t.is(notices[0]!.variable, name);
    t.true(notices[0]!.message.startsWith(`${name} `));
    t.false(notices[0]!.message.includes(wrong));
    t.true([undefined, false].includes(settings[name as keyof typeof settings] as undefined));
    t.is(readTelemetrySettings({ [name]: wrong })?.enabled, true, 'the start goes on');
  });
}

for (const text of ['1.5', '-0.1', '10%', '0x1', 'NaN', 'Infinity', '1e400']) {
  test(`OTEL_TRACES_SAMPLER_ARG=${text} is reported and ignored`, (t) => {
    t.is(noticesOf({ OTEL_TRACES_SAMPLER_ARG: text }).length, 1);
  });
}

test('standard variables without an effect are named with the reason, and those that ask for what is done are not', (t) => {
  const refused = {
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'base2_exponential_bucket_histogram',
    OTEL_METRICS_EXEMPLAR_FILTER: 'always_on',
    OTEL_EXPORTER_PROMETHEUS_PORT: '9464',
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://zipkin',
    OTEL_SEMCONV_STABILITY_OPT_IN: 'http/dup',
    OTEL_SOMETHING_NEW: 'x',
  };
  t.deepEqual(
    readOpenTelemetry(refused).notices.map(({ variable }) => variable),
    Object.keys(refused),
  );
  for (const notice of noticesOf(refused)) t.regex(notice, /^OTEL_\S+ has no effect: .{10}/);
  const accepted = {
    OTEL_METRICS_EXPORTER: 'prometheus,otlp',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'Cumulative',
    OTEL_METRICS_EXEMPLAR_FILTER: 'trace_based',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://x',
  };
  t.deepEqual(noticesOf(accepted), []);
  const passed = Object.fromEntries(Object.keys(exporterVariables).map((name) => [name, 'x']));
  t.deepEqual(noticesOf(passed), [], 'the exporter reads these');
  t.deepEqual(
    noticesOf({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_BSP_SCHEDULE_DELAY: '' }),
    [],
  );
});

test('an unsupported exporter or sampler is refused by name, and the others of the list count', (t) => {
  const { settings, notices } = readOpenTelemetry({
    OTEL_TRACES_EXPORTER: 'otlp,zipkin',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_METRICS_EXPORTER: 'console',
  });
  t.deepEqual(settings.OTEL_TRACES_EXPORTER, ['otlp']);
  t.is(settings.OTEL_TRACES_SAMPLER, undefined);
  t.regex(
    notices.map(({ message }) => message).join('\n'),
    /samplers that ask a server.*\n.*zipkin: use the Collector.*\n.*console: it would write figures between/s,
  );
});

test('an endpoint of metrics or lines without an exporter that uses it is named', (t) => {
  const endpoints = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://x',
  };
  t.deepEqual(noticesOf(endpoints), [
    'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT has no effect without OTEL_METRICS_EXPORTER=otlp',
    'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT has no effect without OTEL_LOGS_EXPORTER=otlp',
  ]);
  const asked = { OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'none' };
  t.deepEqual(noticesOf({ ...endpoints, ...asked }), []);
});

test('the names of service and instance come from the standard variables', (t) => {
  const resource = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=prices,service.instance.id=blue-1' };
  t.like(readTelemetrySettings(resource), { serviceName: 'prices', instanceId: 'blue-1' });
  t.is(readTelemetrySettings({ ...resource, OTEL_SERVICE_NAME: 'quotes' })?.serviceName, 'quotes');
  t.like(readTelemetrySettings({}), { serviceName: 'volwatch', instanceId: undefined });
  t.is(readTelemetrySettings({ OTEL_SDK_DISABLED: 'true' })?.enabled, false);
});
