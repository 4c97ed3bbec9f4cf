import { ExportResultCode, millisToHrTime, type ExportResult } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  PeriodicExportingMetricReader,
  type CollectionResult,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';
import type { DropReason } from '../../export/drop-counter.ts';
import { within } from '#src/kernel/abort.ts';
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
  /** Later exports do not call `collect` of the source, so the gauges that are read on demand keep their last values. */
  readonly stopCollecting: () => void;
  /** Exports what is new. Resolves after `timeoutMs` at the latest. */
  readonly forceFlush: (timeoutMs: number) => Promise<void>;
  /** Exports a last time and stops. What is not exported within `timeoutMs` counts as dropped. */
  readonly close: (timeoutMs: number) => Promise<void>;
};

/** Max data points of one request, because receivers limit the size of a request (a Collector over gRPC to 4 MiB). */
const maxBatchPoints = 2_000;

const pointsOf = ({ scopeMetrics }: ResourceMetrics): number =>
  scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0);

/** Tells the reader why a batch is not exported. */
const stillExporting = { code: ExportResultCode.FAILED, error: new Error('the last export has no result yet') };

/**
 * Exports the registry of /metrics at intervals. The reader stops to wait for a batch after its timeout, and the exporter
 * can still send it. Until that batch has a result all others count as dropped, so at most one request waits for the
 * receiver.
 */
export const createMetricExport = (deps: MetricExportDeps): MetricExport => {
  const { exporter, resource, scope, intervalMs, timeoutMs, onDropped, onResult } = deps;
  const startTime = millisToHrTime(performance.timeOrigin);
  let source: MetricSource | undefined;
  let collecting = true;
  let closing = false;
  let closed = false;
  let exporting = false;
  /** Data points of the last run that have no result: of the batch in progress, and of those that the reader still has. */
  let exportingPoints = 0;
  let unsentPoints = 0;

  /** The reader ends a run after a timeout, and does not pass the other batches to the exporter. */
  const dropUnsent = (reason: DropReason): void => {
    if (unsentPoints > 0) onDropped(reason, unsentPoints);
    unsentPoints = 0;
  };

  const collect = async (): Promise<CollectionResult> => {
    // The reader collects once for each run, and begins a run after the end of the last one.
    if (!closed) dropUnsent('export_failed');
    if (source === undefined || closed) return { resourceMetrics: { resource, scopeMetrics: [] }, errors: [] };
    if (collecting) await source.collect();
    const times = { startTime, endTime: millisToHrTime(Date.now()) };
    const metrics = await readMetricData(source.registry, times);
    const resourceMetrics = { resource, scopeMetrics: [{ scope, metrics }] };
    unsentPoints = pointsOf(resourceMetrics);
    return { resourceMetrics, errors: [] };
  };

  const reader = new PeriodicExportingMetricReader({
    exporter: {
      export: (metrics, done) => {
        const points = pointsOf(metrics);
        unsentPoints -= points;
        if (exporting) {
          if (!closed) onDropped('export_failed', points);
          done(stillExporting);
          return;
        }
        exporting = true;
        exportingPoints = points;
        const end = (result: ExportResult): void => {
          exporting = false;
          exportingPoints = 0;
          const succeeded = result.code === ExportResultCode.SUCCESS;
          if (!closed) {
            if (!succeeded) onDropped('export_failed', points);
            onResult(succeeded);
          }
          done(result);
        };
        try {
          exporter.export(metrics, end);
        } catch (error) {
          end({ code: ExportResultCode.FAILED, error: error as Error });
        }
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush(),
    },
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
    maxExportBatchSize: maxBatchPoints,
  });

  /** Waits for the export in progress first, because `work` would drop its own data points meanwhile. */
  const afterExport = async (limitMs: number, work: () => Promise<void>): Promise<void> => {
    await within(
      limitMs,
      exporter
        .forceFlush()
        .catch(() => {})
        .then(work),
    );
  };

  return {
    start: (started) => {
      source = started;
      reader.setMetricProducer({ collect });
    },
    stopCollecting: () => {
      collecting = false;
    },
    forceFlush: async (limitMs) => {
      if (source !== undefined && !closing) await afterExport(limitMs, () => reader.forceFlush());
    },
    close: async (limitMs) => {
      if (closing) return;
      closing = true;
      // The dependencies that the collectors ask are closed already.
      collecting = false;
      if (source !== undefined) await afterExport(limitMs, () => reader.shutdown());
      closed = true;
      unsentPoints += exportingPoints;
      dropUnsent('shutdown');
    },
  };
};
