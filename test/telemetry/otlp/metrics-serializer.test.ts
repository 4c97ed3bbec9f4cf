import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource, resourceFromAttributes } from '@opentelemetry/resources';
import { DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { Gauge, Registry } from 'prom-client';
import { createMetrics } from '#src/telemetry/metrics/metrics.ts';
import { jsonWithExemplars } from '#src/telemetry/metrics/otlp/json-serializer.ts';
import { readMetricData, type HistogramPoint } from '#src/telemetry/metrics/otlp/metric-data.ts';
import { protobufWithExemplars } from '#src/telemetry/metrics/otlp/metrics-serializer.ts';
import { createProtobufWriter } from '#src/telemetry/metrics/otlp/protobuf-writer.ts';

const times = {
  startTime: [1_700_000_000, 1] as [number, number],
  endTime: [1_700_000_060, 999_999_999] as [number, number],
};

const resource = resourceFromAttributes({
  'service.name': 'volwatch',
  'process.pid': 4_294_967_295,
  'load.average': 0.5,
  'is.container': true,
  'host.ip': ['127.0.0.1', '::1'],
});

const read = async (): Promise<ResourceMetrics> => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: 'é'.repeat(300), commit: 'abc' } });
  metrics.observe('volwatch_pricing_duration_seconds', { operation: 'price', model: 'black_scholes' }, 0.004);
  metrics.observe('volwatch_pricing_duration_seconds', { operation: 'price', model: 'black_scholes' }, 400);
  metrics.observe('volwatch_pricing_batch_size', { format: 'arrow' }, 5_000_000_000);
  metrics.count('volwatch_upload_bytes_total', {}, 2 ** 40);
  metrics.set('db_client_connection_max', { pool: 'primary' }, -1.5);
  const scope = { name: 'volwatch', version: '1.0.0' };
  return { resource, scopeMetrics: [{ scope, metrics: await readMetricData(registry, times) }] };
};

test('protobuf and JSON are those of the SDK for everything that it writes', async (t) => {
  const metrics = await read();
  t.true(metrics.scopeMetrics[0]!.metrics.length > 40);
  t.deepEqual(
    Buffer.from(protobufWithExemplars.serializeRequest(metrics)!),
    Buffer.from(ProtobufMetricsSerializer.serializeRequest(metrics)!),
  );
  const parse = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes!).toString());
  t.deepEqual(
    parse(jsonWithExemplars.serializeRequest(metrics)),
    parse(JsonMetricsSerializer.serializeRequest(metrics)),
  );
});

test('an empty resource and no metric is written as by the SDK', (t) => {
  const nothing = { resource: emptyResource(), scopeMetrics: [{ scope: { name: 'volwatch' }, metrics: [] }] };
  t.deepEqual(
    Buffer.from(protobufWithExemplars.serializeRequest(nothing)!),
    Buffer.from(ProtobufMetricsSerializer.serializeRequest(nothing)!),
  );
});

test('an exemplar is a message of its own in its point', async (t) => {
  const { resource: of, scopeMetrics } = await read();
  const [scope] = scopeMetrics;
  const all = scope!.metrics.find(({ descriptor }) => descriptor.name === 'volwatch.pricing_duration')!;
  t.is(all.dataPointType, DataPointType.HISTOGRAM);
  const exemplar = {
    time: [1_700_000_030, 5] as [number, number],
    value: 0.004,
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
  };
  const point: HistogramPoint = { ...(all.dataPoints[0] as HistogramPoint), exemplars: [exemplar] };
  const metric = { ...all, dataPoints: [point] } as typeof all;
  const request = { resource: of, scopeMetrics: [{ scope: scope!.scope, metrics: [metric] }] };

  const bytes = Buffer.from(protobufWithExemplars.serializeRequest(request)!);
  // Field 8 of the point, 46 bytes: time (field 2), value (3), span id (4), trace id (5).
  const expected = Buffer.alloc(48);
  expected.set([0x42, 46, 0x11]);
  expected.writeBigUInt64LE(1_700_000_030_000_000_005n, 3);
  expected[11] = 0x19;
  expected.writeDoubleLE(0.004, 12);
  expected.set([0x22, 8], 20);
  expected.write(exemplar.spanId, 22, 'hex');
  expected.set([0x2a, 16], 30);
  expected.write(exemplar.traceId, 32, 'hex');
  t.true(bytes.includes(expected));
  const without = {
    ...request,
    scopeMetrics: [{ scope: scope!.scope, metrics: [{ ...all, dataPoints: [all.dataPoints[0]!] } as typeof all] }],
  };
  t.true(bytes.length - Buffer.from(protobufWithExemplars.serializeRequest(without)!).length >= 48);

  const json = JSON.parse(Buffer.from(jsonWithExemplars.serializeRequest(request)!).toString()) as {
    resourceMetrics: { scopeMetrics: { metrics: { histogram: { dataPoints: { exemplars: unknown }[] } }[] }[] }[];
  };
  t.deepEqual(json.resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.histogram.dataPoints[0]!.exemplars, [
    { timeUnixNano: '1700000030000000005', asDouble: 0.004, traceId: exemplar.traceId, spanId: exemplar.spanId },
  ]);
});

test('a gauge that is NaN or infinite has no data point, and a metric without data points is left out', async (t) => {
  const registry = new Registry();
  new Gauge({ name: 'nodejs_eventloop_lag_mean', help: 'A mean.', registers: [registry] }).set(NaN);
  const some = new Gauge({ name: 'volwatch_some', help: 'Some.', labelNames: ['of'], registers: [registry] });
  some.set({ of: 'nothing' }, NaN);
  some.set({ of: 'all' }, Infinity);
  some.set({ of: 'one' }, 1);
  const metrics = await readMetricData(registry, times);
  const scope = { name: 'volwatch', version: '1.0.0' };
  const json = String(jsonWithExemplars.serializeRequest({ resource, scopeMetrics: [{ scope, metrics }] }));
  t.false(json.includes('null'), json);
  t.deepEqual(
    metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]),
    [['volwatch.some', [1]]],
  );
});

test('the writer grows, and its numbers have the lengths of protobuf', (t) => {
  const writer = createProtobufWriter(1);
  writer.text(1, 'x'.repeat(200));
  writer.varint(2, 300);
  writer.varint(2, 2 ** 40);
  const expected = [0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x10, 0xac, 0x02, 0x0a, 0xc8, 0x01];
  t.deepEqual([...writer.finish()].slice(0, expected.length), expected);
  t.is(writer.finish().length, expected.length + 200);
});
