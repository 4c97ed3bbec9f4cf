import { connect } from 'node:net';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { trace } from '@opentelemetry/api';
import test from 'ava';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { createRequestStarts } from '#src/http/server/request-starts.ts';
import { publicRoute, serve } from '../support.ts';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);

const workMs = 5;
const busy = publicRoute('/busy', () => {
  for (const until = performance.now() + workMs; performance.now() < until;);
});

test('the wait of a request for its start is in its duration, its log line, its span and a metric', async (t) => {
  const starts = createRequestStarts(createClientIp({ trustedProxies: [] }));
  const { port, lines, reported } = await serve(t, { routes: [busy], starts });
  const ask = 'GET /api/v1/busy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1').resume());
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of sockets) socket.write(ask);
  await Promise.all(closed);

  const waited = lines.filter((line) => line['start_wait_ms'] !== undefined);
  t.true(waited.length > 0 && waited.length < sockets.length, `${waited.length} of ${sockets.length} have waited`);
  t.is(reported.filter(({ name }) => name === 'volwatch_http_start_wait_duration_seconds').length, waited.length);
  for (const { duration_ms: total, start_wait_ms: wait } of waited) t.true(Number(total) >= Number(wait) + workMs - 1);
  t.true(
    Math.max(...waited.map((line) => Number(line['start_wait_ms']))) > 20 * workMs,
    'the last ones wait for the others',
  );

  const spans = exporter.getFinishedSpans().filter(({ attributes }) => 'volwatch.start_wait_ms' in attributes);
  t.is(spans.length, waited.length);
  for (const { attributes, duration } of spans) {
    t.true(duration[0] * 1e3 + duration[1] / 1e6 >= Number(attributes['volwatch.start_wait_ms']) - 1);
  }
});
