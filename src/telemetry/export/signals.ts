import type { Resource } from '@opentelemetry/resources';
import type { OpenTelemetrySettings } from '../../config/index.ts';
import { createLogExport, createLogExporter, type LogExport } from '../logs/otlp/log-export.ts';
import { createMetricExport, type MetricExport } from '../metrics/otlp/metric-export.ts';
import { createMetricExporter } from '../metrics/otlp/metric-exporter.ts';
import type { DropListener } from './drop-counter.ts';
import { otlpProtocol } from './otlp-protocol.ts';
import type { Outages } from './outages.ts';

export type SignalDeps = {
  readonly settings: OpenTelemetrySettings;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly onDropped: DropListener;
  readonly outages: Outages;
};

const asksForOtlp = (names: readonly string[] = []): boolean => names.includes('otlp') && !names.includes('none');

/** @returns undefined unless OTEL_METRICS_EXPORTER asks for OTLP */
export const metricExportOf = ({
  settings,
  resource,
  scope,
  onDropped,
  outages,
}: SignalDeps): MetricExport | undefined =>
  asksForOtlp(settings.OTEL_METRICS_EXPORTER)
    ? createMetricExport({
        exporter: createMetricExporter(otlpProtocol(settings, 'METRICS')),
        resource,
        scope,
        intervalMs: settings.OTEL_METRIC_EXPORT_INTERVAL ?? 60_000,
        timeoutMs: settings.OTEL_METRIC_EXPORT_TIMEOUT ?? 30_000,
        onDropped: (reason, points) => onDropped('metrics', reason, points),
        onResult: outages.watch('metrics'),
      })
    : undefined;

/** @returns undefined unless OTEL_LOGS_EXPORTER asks for OTLP */
export const logExportOf = ({ settings, resource, scope, onDropped, outages }: SignalDeps): LogExport | undefined =>
  asksForOtlp(settings.OTEL_LOGS_EXPORTER)
    ? createLogExport({
        exporter: createLogExporter(otlpProtocol(settings, 'LOGS')),
        resource,
        scope,
        limits: {
          attributeCountLimit:
            settings.OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT ?? settings.OTEL_ATTRIBUTE_COUNT_LIMIT ?? 64,
          attributeValueLengthLimit:
            settings.OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT ?? settings.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT ?? 8_192,
        },
        maxQueueSize: settings.OTEL_BLRP_MAX_QUEUE_SIZE ?? 2_048,
        scheduledDelayMs: settings.OTEL_BLRP_SCHEDULE_DELAY ?? 1_000,
        maxBatchSize: settings.OTEL_BLRP_MAX_EXPORT_BATCH_SIZE ?? 512,
        exportTimeoutMs: settings.OTEL_BLRP_EXPORT_TIMEOUT ?? 30_000,
        onDropped: (reason, lines) => onDropped('logs', reason, lines),
        onResult: outages.watch('logs'),
      })
    : undefined;
