import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpanKind, SpanStatusCode, TraceFlags, type Tracer } from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import test from 'ava';
import { createDropCounter } from '#src/telemetry/export/drop-counter.ts';
import { createSpanPipeline } from '#src/telemetry/tracing/span-pipeline.ts';

type Dropped = { queue_full: number; export_failed: number; shutdown: number };

const setup = (exporter: SpanExporter, maxQueueSize = 4) => {
  const dropped: Dropped = { queue_full: 0, export_failed: 0, shutdown: 0 };
  const pipeline = createSpanPipeline({
    exporter,
    maxQueueSize,
    scheduledDelayMs: 60_000,
    onDropped: (reason, spans) => void (dropped[reason] += spans),
  });
  const tracer = new TracerProvider({ spanProcessors: [pipeline] }).getTracer('test');
  return { pipeline, tracer, dropped };
};

const makeSpans = (tracer: Tracer, number: number): void => {
  for (let index = 0; index < number; index += 1) tracer.startSpan(`span ${index}`).end();
};

const hangingExporter = (): SpanExporter & { readonly finish: (result: ExportResult) => void } => {
  const waiting: ((result: ExportResult) => void)[] = [];
  return {
    export: (_spans: ReadableSpan[], done) => void waiting.push(done),
    shutdown: async () => {},
    finish: (result) => {
      for (const done of waiting.splice(0)) done(result);
    },
  };
};

test('exported spans are redacted; the span itself and its times do not change', async (t) => {
  const exporter = new InMemorySpanExporter();
  const { pipeline, tracer } = setup(exporter);
  const span = tracer.startSpan('pg.query:INSERT', {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.query.text': `insert into t values ('hunter2', 7)` },
  });
  span.recordException(new Error('value "hunter2" is too long'));
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'value "hunter2" is too long' });
  span.end();
  const http = tracer.startSpan('GET', { attributes: { 'url.full': 'https://api.test/x?apikey=hunter2' } });
  http.recordException(new Error('GET https://api.test/x?apikey=hunter2 failed'));
  http.end();
  await pipeline.forceFlush();
  const [query, get] = exporter.getFinishedSpans();
  t.is(query?.attributes['db.query.text'], 'insert into t values (?)');
  t.is(query?.status.code, SpanStatusCode.ERROR);
  t.is(query?.spanContext().spanId, span.spanContext().spanId);
  t.true((query?.endTime[0] ?? 0) > 0);
  t.is(get?.events.length, 1);
  t.notRegex(
    JSON.stringify([query?.attributes, query?.events, query?.status, get?.attributes, get?.events]),
    /hunter2/,
  );
});

test('a large batch is exported in parts, one in each turn of the event loop, and each part counts by its own result', async (t) => {
  const parts: { readonly spans: number; readonly done: (result: ExportResult) => void }[] = [];
  const exporter: SpanExporter = {
    export: (spans, done) => void parts.push({ spans: spans.length, done }),
    shutdown: async () => {},
  };
  const { pipeline, tracer, dropped } = setup(exporter, 300);
  makeSpans(tracer, 300);
  t.deepEqual(
    parts.map(({ spans }) => spans),
    [128],
  );
  const flushed = pipeline.forceFlush();
  await nextTurn();
  t.is(parts.length, 2);
  await nextTurn();
  t.deepEqual(
    parts.map(({ spans }) => spans),
    [128, 128, 44],
  );
  await nextTurn();
  t.is(parts.length, 3);
  parts[2]!.done({ code: ExportResultCode.SUCCESS });
  parts[0]!.done({ code: ExportResultCode.FAILED });
  t.deepEqual(dropped, { queue_full: 0, export_failed: 128, shutdown: 0 });
  makeSpans(tracer, 301);
  t.is(dropped.queue_full, 1, 'the parts in progress are no longer in the queue');
  t.is(parts.length, 3, 'the next batch waits for all parts of this one');
  parts[1]!.done({ code: ExportResultCode.SUCCESS });
  await flushed;
  await nextTurn();
  t.is(parts[3]?.spans, 128);
  await pipeline.close(100);
  t.deepEqual(dropped, { queue_full: 1, export_failed: 128, shutdown: 300 });
});

test('spans beyond the queue are counted exactly', async (t) => {
  const exporter = hangingExporter();
  const { pipeline, tracer, dropped } = setup(exporter, 4);
  // The first four spans fill a batch, which is sent at once. The next four wait in the queue.
  makeSpans(tracer, 11);
  t.deepEqual(dropped, { queue_full: 3, export_failed: 0, shutdown: 0 });
  const flushed = pipeline.forceFlush();
  exporter.finish({ code: ExportResultCode.SUCCESS });
  await flushed;
  makeSpans(tracer, 1);
  t.is(dropped.queue_full, 3);
});

test('a failed export counts every span of its batch', async (t) => {
  const exporter = hangingExporter();
  const { pipeline, tracer, dropped } = setup(exporter);
  makeSpans(tracer, 3);
  const flushed = pipeline.forceFlush().catch(() => {});
  exporter.finish({ code: ExportResultCode.FAILED, error: new Error('ECONNREFUSED') });
  await flushed;
  t.deepEqual(dropped, { queue_full: 0, export_failed: 3, shutdown: 0 });
});

test('closing has a timeout, counts spans that were not sent, and runs once', async (t) => {
  const exporter = hangingExporter();
  // Otherwise the timer of the batch processor (30 s) would keep the test process alive.
  t.teardown(() => exporter.finish({ code: ExportResultCode.SUCCESS }));
  const { pipeline, tracer, dropped } = setup(exporter);
  makeSpans(tracer, 3);
  const started = performance.now();
  await pipeline.close(50);
  t.true(performance.now() - started < 1_000);
  t.is(dropped.shutdown, 3);
  await pipeline.close(50);
  t.is(dropped.shutdown, 3);
  makeSpans(tracer, 1);
  t.is(dropped.shutdown, 4);
});

test('closing sends the queued spans', async (t) => {
  const sent: string[] = [];
  const { pipeline, tracer, dropped } = setup({
    export: (spans, done) => {
      sent.push(...spans.map((span) => span.name));
      done({ code: ExportResultCode.SUCCESS });
    },
    shutdown: async () => {},
  });
  makeSpans(tracer, 2);
  await pipeline.close(1_000);
  t.deepEqual(sent, ['span 0', 'span 1']);
  t.deepEqual(dropped, { queue_full: 0, export_failed: 0, shutdown: 0 });
});

test('an unsampled span is neither sent nor counted', async (t) => {
  const exporter = new InMemorySpanExporter();
  const { pipeline, dropped } = setup(exporter, 1);
  const tracer = new TracerProvider({ sampler: new AlwaysOffSampler(), spanProcessors: [pipeline] }).getTracer('test');
  const span = tracer.startSpan('unsampled');
  t.is(span.spanContext().traceFlags, TraceFlags.NONE);
  span.end();
  makeSpans(tracer, 5);
  await pipeline.forceFlush();
  t.is(exporter.getFinishedSpans().length, 0);
  t.deepEqual(dropped, { queue_full: 0, export_failed: 0, shutdown: 0 });
});

test('the first listener gets the dropped spans from before its subscription', (t) => {
  const counter = createDropCounter();
  counter.record('traces', 'queue_full', 2);
  counter.record('traces', 'queue_full', 3);
  counter.record('logs', 'queue_full', 4);
  const received: [string, string, number][] = [];
  counter.subscribe((...dropped) => void received.push(dropped));
  counter.record('metrics', 'export_failed', 1);
  t.deepEqual(received, [
    ['traces', 'queue_full', 5],
    ['logs', 'queue_full', 4],
    ['metrics', 'export_failed', 1],
  ]);
});
