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
  runExporting as run,
  startGrpcReceiver,
  startReceiver,
  type Received,
} from '../fixtures/run-exporting.ts';

test('http/json with headers, gzip, the endpoint of traces, and limits of attributes', async (t) => {
  const { received, url } = await startReceiver(t);
  const outcome = await run({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9/unused',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/own/path`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=seven,authorization=Bearer%20one',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=Bearer%20two',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '10',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '12',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=prices,service.instance.id=blue-1,team=a%2Cb',
  });
  t.like(outcome, { exporting: true, serviceName: 'prices', instanceId: 'blue-1', dropped: 0, messages: [] });
  const [{ path, headers, body }] = received as [Received];
  t.is(path, '/own/path');
  t.like(headers, { 'x-tenant': 'seven', authorization: 'Bearer two', 'content-encoding': 'gzip' });
  const { resourceSpans } = JSON.parse(gunzipSync(body).toString()) as {
    resourceSpans: {
      resource: { attributes: { key: string; value: { stringValue?: string } }[] };
      scopeSpans: { spans: { traceId: string; attributes: { key: string; value: { stringValue?: string } }[] }[] }[];
    }[];
  };
  const [span] = resourceSpans[0]!.scopeSpans[0]!.spans;
  t.is(span?.traceId, outcome.traceId);
  t.is(span?.attributes.length, 12);
  t.is(span?.attributes.find(({ key }) => key === 'text')?.value.stringValue, 'x'.repeat(10));
  const resource = new Map(resourceSpans[0]!.resource.attributes.map(({ key, value }) => [key, value.stringValue]));
  t.is(resource.get('service.name'), 'prices');
  t.is(resource.get('service.instance.id'), 'blue-1');
  t.is(resource.get('team'), 'a,b');
  t.true(resource.has('host.name') && resource.has('process.pid') && resource.has('os.type'));
  t.deepEqual(
    [...resource.keys()].filter((key) => /args|owner|command/.test(key)),
    [],
    'arguments and owner of the process are left out',
  );
});

test('http/protobuf over TLS with an authority and a client certificate', async (t) => {
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
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${await listen(t, server)}` };
  const certificates = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: authority.file,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: client.keyFile,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.certificateFile,
  };
  const outcome = await run({ ...endpoint, ...certificates });
  t.is(outcome.dropped, 0);
  t.is(received[0]?.path, '/v1/traces');
  t.true(received[0]?.body.includes(hex(outcome.traceId)));
  const without = await run({ ...endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '1000' });
  t.is(without.dropped, 1, 'a receiver with an unknown authority gets nothing, and the loss is counted');
  t.is(received.length, 1);
});

test('grpc', async (t) => {
  const { url, paths, bytes } = await startGrpcReceiver(t);
  const outcome = await run({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'GRPC',
  });
  t.is(outcome.dropped, 0);
  t.deepEqual(paths(), ['/opentelemetry.proto.collector.trace.v1.TraceService/Export']);
  t.true(bytes().includes(hex(outcome.traceId)));
});

test('console writes one redacted JSON line a span, beside OTLP', async (t) => {
  const { received, url } = await startReceiver(t);
  const { lines, traceId } = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: 'otlp,console' });
  t.is(lines.length, 1);
  const span = JSON.parse(lines[0]!) as { readonly attributes: Record<string, unknown> };
  t.like(span, { span: 'GET /work', trace_id: traceId, scope: 'volwatch' });
  t.is(span.attributes['url.full'], 'https://api.test/x?apikey=[redacted]');
  t.is(received.length, 1);
});

test('none and OTEL_SDK_DISABLED send nothing; otlp without an endpoint uses the port of the specification', async (t) => {
  const { received, url } = await startReceiver(t);
  t.like(await run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: 'none' }), {
    enabled: true,
    exporting: false,
  });
  t.like(await run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'true' }), {
    enabled: false,
    traceId: '0'.repeat(32),
  });
  t.is(received.length, 0);
  t.like(await run({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TIMEOUT: '500' }), { exporting: true });
});

test('the queue and the timeout of a batch follow OTEL_BSP', async (t) => {
  const server = createHttpServer(() => {});
  const url = `http://127.0.0.1:${await listen(t, server)}`;
  t.teardown(() => server.closeAllConnections());
  const outcome = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_EXPORT_TIMEOUT: '300' });
  t.is(outcome.dropped, 1, 'a receiver that does not answer');
});

test('a problem of the start is a message with the name of the variable; a failed export is one only if it is asked for', async (t) => {
  const down = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  };
  t.deepEqual((await run(down)).messages, []);
  const timeout = await run({ ...down, OTEL_EXPORTER_OTLP_TIMEOUT: '-5' });
  t.true(timeout.messages.some((message) => /^warn .*OTEL_EXPORTER_OTLP_TIMEOUT is invalid/.test(message)));
  const asked = await run({ ...down, OTEL_LOG_LEVEL: 'Info' });
  t.is(asked.dropped, 1);
  t.true(asked.messages.length > 0);
  t.deepEqual(asked.lines, [], 'the SDK does not write to stdout itself');
});
