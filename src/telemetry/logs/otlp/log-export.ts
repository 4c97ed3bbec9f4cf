import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type LogRecordLimits,
} from '@opentelemetry/sdk-logs';
import type { DropReason } from '../../export/drop-counter.ts';
import { createExportQueue } from '../../export/export-queue.ts';
import type { OtlpProtocol } from '../../export/otlp-protocol.ts';
import { within } from '#src/kernel/abort.ts';
import { logRecordOf, type LogLine } from './log-record.ts';

export type LogExportDeps = {
  readonly exporter: LogRecordExporter;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly limits: Required<LogRecordLimits>;
  readonly maxQueueSize: number;
  readonly scheduledDelayMs: number;
  readonly maxBatchSize: number;
  readonly exportTimeoutMs: number;
  readonly onDropped: (reason: DropReason, lines: number) => void;
  /** Is called after each export. */
  readonly onResult: (succeeded: boolean) => void;
};

export type LogExport = {
  /** Queues a line. Never waits. */
  readonly emit: (line: LogLine) => void;
  readonly forceFlush: (timeoutMs: number) => Promise<void>;
  /** Exports the queued lines and stops. Later lines are on stdout only, and do not count as dropped. */
  readonly close: (timeoutMs: number) => Promise<void>;
};

/** The exporters read endpoint, headers, timeout, compression and certificates from `OTEL_EXPORTER_OTLP_*`. */
export const createLogExporter = (protocol: OtlpProtocol): LogRecordExporter => {
  if (protocol === 'grpc') return new GrpcExporter();
  return protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter();
};

/** Exports log lines in batches, in the trace context of the code that wrote them, and counts every lost line. */
export const createLogExport = (deps: LogExportDeps): LogExport => {
  const { maxQueueSize, scope } = deps;
  const queue = createExportQueue(deps);
  const batches = new BatchLogRecordProcessor({
    maxQueueSize,
    scheduledDelayMillis: deps.scheduledDelayMs,
    maxExportBatchSize: Math.min(deps.maxBatchSize, maxQueueSize),
    exportTimeoutMillis: deps.exportTimeoutMs,
    exporter: queue.exporter,
  });
  const logger = new LoggerProvider({
    resource: deps.resource,
    logRecordLimits: deps.limits,
    processors: [batches],
  }).getLogger(scope.name, scope.version);
  let closing = false;
  return {
    emit: (line) => {
      // A record is made only if it will be sent.
      if (!closing && queue.admit()) logger.emit(logRecordOf(line));
    },
    forceFlush: async (timeoutMs) => {
      if (!closing) await within(timeoutMs, batches.forceFlush());
    },
    close: async (timeoutMs) => {
      closing = true;
      await queue.close(timeoutMs, () => batches.shutdown());
    },
  };
};
