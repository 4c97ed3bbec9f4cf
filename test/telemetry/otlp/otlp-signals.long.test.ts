import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { createAuthority } from '#testkit/servers/tls/certificates.ts';
import {
  hex,
  keep,
  listen,
  runExporting,
  startGrpcReceiver,
  startReceiver,
  type Received,
} from '../fixtures/run-exporting.ts';

const both = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp' };

test('metrics and lines go to their own endpoints, each with its headers, compression and protocol', async (t) => {
  const { received, url } = await startReceiver(t);
  const { traceId, lost } = await runExporting({
    ...both,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9/unused',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/own/metrics`,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${url}/own/logs`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=seven',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'authorization=Bearer%20two',
    OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'gzip',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=blue-1',
    OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: '40',
  });
  t.deepEqual(lost, []);
  const of = (path: string): Received => received.find((request) => request.path === path)!;
  const metrics = of('/own/metrics');
  t.like(metrics.headers, { 'x-tenant': 'seven', authorization: 'Bearer two', 'content-encoding': 'gzip' });
  t.is(metrics.headers['content-type'], 'application/x-protobuf');
  const bytes = gunzipSync(metrics.body);
  t.true(bytes.includes('volwatch.pricing_duration') && bytes.includes('blue-1'));
  t.true(bytes.includes(hex(traceId)), 'the exemplar has the trace id');

  const logs = of('/own/logs');
  t.is(logs.headers.authorization, undefined);
  const { resourceLogs } = JSON.parse(logs.body.toString()) as {
    resourceLogs: { scopeLogs: { scope: unknown; logRecords: Record<string, unknown>[] }[] }[];
  };
  const [record] = resourceLogs[0]!.scopeLogs[0]!.logRecords;
  t.like(record, { severityNumber: 13, severityText: 'WARN', traceId, body: { stringValue: 'a line' } });
  t.regex(String(record?.['spanId']), /^[0-9a-f]{16}$/);
  const attributes = record?.['attributes'] as { key: string; value: { stringValue: string } }[];
  const texts = new Map(attributes.map(({ key, value }) => [key, value.stringValue]));
  t.deepEqual([...texts.keys()].toSorted(), [
    'exception.message',
    'exception.stacktrace',
    'exception.type',
    'password',
    'route',
  ]);
  t.is(texts.get('password'), '[redacted]');
  t.is(texts.get('exception.message'), 'no [redacted]');
  t.is(texts.get('exception.stacktrace')?.length, 40);
  for (const { body } of received) t.false(body.includes('hunter2'));
});

test('grpc: both signals, with the exemplar', async (t) => {
  const { url, paths, bytes } = await startGrpcReceiver(t);
  const { traceId, lost } = await runExporting({
    ...both,
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  });
  t.deepEqual(lost, []);
  t.deepEqual([...new Set(paths().map(String))].toSorted(), [
    '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  ]);
  // Twice: in the log record and in the exemplar.
  const first = bytes().indexOf(hex(traceId));
  t.true(first >= 0 && bytes().includes(hex(traceId), first + 16));
});

test('TLS with an authority and a client certificate for each signal', async (t) => {
  const authority = createAuthority(t);
  const receiver = authority.issue('localhost', 'IP:127.0.0.1');
  const client = authority.issue('volwatch');
  const received: Received[] = [];
  const server = createHttpsServer(
    {
      key: readFileSync(receiver.keyFile),
      cert: readFileSync(receiver.certificateFile),
      ca: readFileSync(authority.file),
      requestCert: true,
      rejectUnauthorized: true,
    },
    keep(received),
  );
  const endpoint = { ...both, OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${await listen(t, server)}` };
  const certificates = Object.fromEntries(
    ['METRICS', 'LOGS'].flatMap((signal) => [
      [`OTEL_EXPORTER_OTLP_${signal}_CERTIFICATE`, authority.file],
      [`OTEL_EXPORTER_OTLP_${signal}_CLIENT_KEY`, client.keyFile],
      [`OTEL_EXPORTER_OTLP_${signal}_CLIENT_CERTIFICATE`, client.certificateFile],
    ]),
  );
  t.deepEqual((await runExporting({ ...endpoint, ...certificates })).lost, []);
  t.deepEqual([...new Set(received.map(({ path }) => path))].toSorted(), ['/v1/logs', '/v1/metrics']);
  const before = received.length;
  const without = await runExporting({ ...endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
  t.deepEqual([...new Set(without.lost.map(([signal]) => signal))].toSorted(), ['logs', 'metrics']);
  t.is(received.length, before);
});

test('without a variable that asks for it, and with none, neither metrics nor lines are sent', async (t) => {
  const { received, url } = await startReceiver(t);
  await runExporting({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
  const off = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_LOGS_EXPORTER: 'console' };
  await runExporting({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...off });
  await runExporting({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_METRICS_EXPORTER: 'otlp,none',
    OTEL_LOGS_EXPORTER: 'otlp,none',
  });
  await runExporting({ ...both, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'true' });
  t.deepEqual(
    received.map(({ path }) => path),
    ['/v1/traces', '/v1/traces', '/v1/traces'],
  );
});

test('the queue of lines is bounded, and what it does not take is counted', async (t) => {
  const { received, url } = await startReceiver(t);
  const { lost } = await runExporting({
    ...both,
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_BLRP_MAX_QUEUE_SIZE: '10',
    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '20',
    LINES: '50',
  });
  const dropped = lost.filter(([, reason]) => reason === 'queue_full').reduce((sum, [, , items]) => sum + items, 0);
  t.true(dropped >= 30 && dropped <= 40, String(dropped));
  t.true(received.length >= 1);
});

test('a receiver that is down or hangs: lines and data points are counted, and the outage is told once a signal', async (t) => {
  const limits = { OTEL_EXPORTER_OTLP_TIMEOUT: '400', OTEL_BLRP_EXPORT_TIMEOUT: '400' };
  const hanging = createHttpServer(() => {});
  const port = await listen(t, hanging);
  t.teardown(() => hanging.closeAllConnections());
  for (const url of [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${port}`]) {
    const { lost, outages, messages } = await runExporting({ ...both, ...limits, OTEL_EXPORTER_OTLP_ENDPOINT: url });
    t.deepEqual(outages.toSorted(), ['logs', 'metrics'], url);
    t.deepEqual(messages, []);
    const items = (of: string): number =>
      lost.filter(([signal]) => signal === of).reduce((sum, each) => sum + each[2], 0);
    t.is(items('logs'), 1);
    t.true(items('metrics') > 100);
  }
});
