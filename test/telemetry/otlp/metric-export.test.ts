import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test, { type ExecutionContext } from 'ava';
import { Gauge, Registry } from 'prom-client';
import { createMetricExport } from '#src/telemetry/metrics/otlp/metric-export.ts';
import { eventually } from '#testkit/eventually.ts';

type Sent = { readonly points: number; readonly end: (result: ExportResult) => void };

const pointsOf = ({ scopeMetrics }: ResourceMetrics): number =>
  scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0);

type Options = {
  readonly points: number;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  /** Is called for each request. Without an answer it gets no result. */
  readonly answer?: (index: number) => ExportResultCode | undefined;
};

const setup = (t: ExecutionContext, { points, intervalMs = 60_000, timeoutMs = 60_000, answer }: Options) => {
  const registry = new Registry();
  const gauge = new Gauge({ name: 'volwatch_test', help: 'A gauge.', labelNames: ['of'], registers: [registry] });
  for (let of = 0; of < points; of += 1) gauge.set({ of: String(of) }, of);
  const sent: Sent[] = [];
  const dropped: [string, number][] = [];
  const results: boolean[] = [];
  let collections = 0;
  const metrics = createMetricExport({
    exporter: {
      export: (data, end) => {
        sent.push({ points: pointsOf(data), end });
        const code = answer?.(sent.length - 1);
        if (code !== undefined) end({ code });
      },
      shutdown: async () => {},
      forceFlush: async () => {},
    },
    resource: emptyResource(),
    scope: { name: 'volwatch', version: '1.0.0' },
    intervalMs,
    timeoutMs,
    onDropped: (reason, count) => dropped.push([reason, count]),
    onResult: (succeeded) => results.push(succeeded),
  });
  metrics.start({
    registry,
    collect: async () => {
      collections += 1;
    },
  });
  t.teardown(() => metrics.close(0));
  const lost = (): number => dropped.reduce((sum, [, count]) => sum + count, 0);
  return { metrics, sent, dropped, lost, results, collections: () => collections };
};

const { SUCCESS, FAILED } = ExportResultCode;

test('of two batches the first fails: its data points are lost, the second one is sent', async (t) => {
  const { metrics, sent, dropped, results } = setup(t, { points: 2_500, answer: (index) => [FAILED, SUCCESS][index] });
  await metrics.forceFlush(10_000);
  t.deepEqual(
    sent.map(({ points }) => points),
    [2_000, 500],
  );
  t.deepEqual(dropped, [['export_failed', 2_000]]);
  t.deepEqual(results, [false, true]);
});

test('the first batch has no result before the timeout: the batches that are not sent count as lost too', async (t) => {
  const { metrics, sent, dropped } = setup(t, {
    points: 4_500,
    timeoutMs: 50,
    answer: (index) => (index === 0 ? undefined : SUCCESS),
  });
  await metrics.forceFlush(10_000);
  t.deepEqual(
    sent.map(({ points }) => points),
    [2_000],
  );
  sent[0]!.end({ code: FAILED });
  t.deepEqual(dropped, [['export_failed', 2_000]]);
  await metrics.close(60_000);
  t.deepEqual(dropped, [
    ['export_failed', 2_000],
    ['export_failed', 2_500],
  ]);
});

test('the exporter gets no batch while it has one, and each data point is counted', async (t) => {
  const { sent, lost, dropped, results } = setup(t, { points: 2_500, intervalMs: 50 });
  // Of the first run 500 are not sent, and the second run loses 2,500. More runs can follow.
  await eventually(() => lost() >= 3_000, 'two runs are lost', 60_000);
  t.is(sent.length, 1);
  t.deepEqual(results, []);
  t.deepEqual(dropped.slice(0, 3), [
    ['export_failed', 500],
    ['export_failed', 2_000],
    ['export_failed', 500],
  ]);
  sent[0]!.end({ code: SUCCESS });
  await eventually(() => sent.length > 1, 'the next batch is sent', 60_000);
  t.is(results[0], true);
});

test('the stop counts the batch in progress and those that are not sent', async (t) => {
  const { metrics, sent, dropped } = setup(t, { points: 2_500 });
  await metrics.close(100);
  t.is(sent.length, 1);
  t.deepEqual(dropped, [['shutdown', 2_500]]);
  sent[0]!.end({ code: FAILED });
  t.is(dropped.length, 1);
});

test('an exporter that throws loses its batch, not the later ones', async (t) => {
  const { metrics, sent, dropped } = setup(t, {
    points: 2_500,
    answer: (index) => {
      if (index === 0) throw new Error('not serializable');
      return SUCCESS;
    },
  });
  await metrics.forceFlush(10_000);
  t.is(sent.length, 2);
  t.deepEqual(dropped, [['export_failed', 2_000]]);
});

test('after stopCollecting the exports go on, and the dependencies are not asked', async (t) => {
  const { metrics, sent, collections } = setup(t, { points: 1, answer: () => SUCCESS });
  await metrics.forceFlush(10_000);
  t.is(collections(), 1);
  metrics.stopCollecting();
  await metrics.forceFlush(10_000);
  await metrics.close(10_000);
  t.is(sent.length, 3);
  t.is(collections(), 1);
});
