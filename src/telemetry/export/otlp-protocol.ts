import type { OpenTelemetrySettings } from '../../config/index.ts';

export type OtlpProtocol = NonNullable<OpenTelemetrySettings['OTEL_EXPORTER_OTLP_PROTOCOL']>;

/** The protocol of a signal: its own variable, else the one of all signals, else the default of the specification. */
export const otlpProtocol = (settings: OpenTelemetrySettings, signal: 'TRACES' | 'METRICS' | 'LOGS'): OtlpProtocol =>
  settings[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] ?? settings.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf';
