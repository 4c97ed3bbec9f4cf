import { ExportResultCode, hrTimeToMicroseconds } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { OpenTelemetrySettings } from '../../config/index.ts';
import { otlpProtocol } from '../export/otlp-protocol.ts';

/** Time as the log lines have it (RFC 3339). */
const timeOf = (time: ReadableSpan['startTime']): string => new Date(hrTimeToMicroseconds(time) / 1_000).toISOString();

const lineOf = (span: ReadableSpan): string => {
  const { traceId, spanId } = span.spanContext();
  return `${JSON.stringify({
    time: timeOf(span.startTime),
    span: span.name,
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: span.parentSpanContext?.spanId,
    kind: span.kind,
    duration_ms: hrTimeToMicroseconds(span.duration) / 1_000,
    status: span.status,
    attributes: span.attributes,
    events: span.events.map(({ name, time, attributes }) => ({ name, time: timeOf(time), attributes })),
    scope: span.instrumentationScope.name,
  })}\n`;
};

type Write = (text: string, done: (error?: Error | null) => void) => void;

/** The stream emits each error too, and without a listener a full disk would end the process. */
const ignoreError = (): void => {};
const writeToStandardOutput: Write = (text, done) => {
  if (!process.stdout.listeners('error').includes(ignoreError)) process.stdout.on('error', ignoreError);
  process.stdout.write(text, done);
};

/** One JSON line a span. The exporter of the SDK writes several lines that are not JSON between the lines of the log. */
const createConsoleExporter = (write: Write): SpanExporter => ({
  export: (spans, done) => {
    write(spans.map(lineOf).join(''), (error) => {
      done(error ? { code: ExportResultCode.FAILED, error } : { code: ExportResultCode.SUCCESS });
    });
  },
  shutdown: async () => {},
});

/** The exporters read endpoint, headers, timeout, compression and certificates from `OTEL_EXPORTER_OTLP_*`. */
const createOtlpExporter = (settings: OpenTelemetrySettings): SpanExporter => {
  const protocol = otlpProtocol(settings, 'TRACES');
  if (protocol === 'grpc') return new GrpcExporter();
  return protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter();
};

/** @returns no exporter for `none`, and by default without an endpoint */
export const createSpanExporters = (
  settings: OpenTelemetrySettings,
  hasEndpoint: boolean,
  write: Write = writeToStandardOutput,
): SpanExporter[] => {
  const names = settings.OTEL_TRACES_EXPORTER ?? (hasEndpoint ? ['otlp'] : ['none']);
  if (names.includes('none')) return [];
  return names.map((name) => (name === 'otlp' ? createOtlpExporter(settings) : createConsoleExporter(write)));
};
