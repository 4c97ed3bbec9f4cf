import { ExportResultCode, millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  PeriodicExportingMetricReader,
  type CollectionResult,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';
import type { DropReason } from '../../export/drop-counter.ts';
import { within } from '../../export/within.ts';
import { readMetricData } from './metric-data.ts';

export type MetricSource = {
  readonly registry: Registry;
  /** Sets the gauges that are read on demand. Must not throw. */
  readonly collect: () => Promise<void>;
};

export type MetricExportDeps = {
  readonly exporter: Pick<PushMetricExporter, 'export' | 'shutdown' | 'forceFlush'>;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly onDropped: (reason: DropReason, dataPoints: number) => void;
  /** Is called after each export. */
  readonly onResult: (succeeded: boolean) => void;
};

export type MetricExport = {
  /** Begins to export. Before it there is nothing to send. */
  readonly start: (source: MetricSource) => void;
  /** Exports what is new. Resolves after `timeoutMs` at the latest. */
  readonly forceFlush: (timeoutMs: number) => Promise<void>;
  /** Exports a last time and stops. What is not exported within `timeoutMs` counts as dropped. */
  readonly close: (timeoutMs: number) => Promise<void>;
};

/** Max data points of one request, because receivers limit the size of a request (a Collector over gRPC to 4 MiB). */
const maxBatchPoints = 2_000;

const pointsOf = ({ scopeMetrics }: ResourceMetrics): number =>
  scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0);

/**
 * Exports the registry of /metrics at intervals. An export that takes longer than the interval makes the reader leave
 * out the next one, so at most one waits for the receiver.
 */
export const createMetricExport = (deps: MetricExportDeps): MetricExport => {
  const { exporter, resource, scope, intervalMs, timeoutMs, onDropped, onResult } = deps;
  const startTime = millisToHrTime(performance.timeOrigin);
  let source: MetricSource | undefined;
  let closing = false;
  let closed = false;
  let exporting = 0;

  const collect = async (): Promise<CollectionResult> => {
    if (source === undefined) return { resourceMetrics: { resource, scopeMetrics: [] }, errors: [] };
    // During the stop the dependencies that the collectors ask are closed already.
    if (!closing) await source.collect();
    const times = { startTime, endTime: millisToHrTime(Date.now()) };
    const metrics = await readMetricData(source.registry, times);
    return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
  };

  const reader = new PeriodicExportingMetricReader({
    exporter: {
      export: (metrics, done) => {
        const points = pointsOf(metrics);
        exporting += points;
        exporter.export(metrics, (result) => {
          exporting -= points;
          const succeeded = result.code === ExportResultCode.SUCCESS;
          if (!closed) {
            if (!succeeded) onDropped('export_failed', points);
            onResult(succeeded);
          }
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush(),
    },
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
    maxExportBatchSize: maxBatchPoints,
  });

  return {
    start: (started) => {
      source = started;
      reader.setMetricProducer({ collect });
    },
    forceFlush: async (limitMs) => {
      if (source !== undefined && !closing) await within(limitMs, reader.forceFlush());
    },
    close: async (limitMs) => {
      if (closing) return;
      closing = true;
      if (source !== undefined) await within(limitMs, reader.shutdown());
      closed = true;
      if (exporting > 0) onDropped('shutdown', exporting);
    },
  };
};
