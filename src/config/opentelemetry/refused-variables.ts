export type RefusedVariable = {
  readonly pattern: RegExp;
  /** How the page of the configuration names the variables. */
  readonly title: string;
  /** Values that ask for what the service does anyway. They are not reported. */
  readonly accepted?: readonly string[];
  readonly reason: string;
};

/**
 * Standard variables without an effect. Each one that is set is reported at the start, because somebody relies on it.
 * The first pattern that matches counts.
 */
export const refusedVariables: readonly RefusedVariable[] = [
  {
    pattern: /^OTEL_METRICS_EXPORTER$/,
    title: '`OTEL_METRICS_EXPORTER`',
    accepted: ['prometheus', 'none'],
    reason: 'metrics are read from /metrics in the format of Prometheus; a Collector can scrape them',
  },
  {
    pattern: /^OTEL_LOGS_EXPORTER$/,
    title: '`OTEL_LOGS_EXPORTER`',
    accepted: ['console', 'none'],
    reason: 'log lines are JSON on stdout; a Collector or Fluent Bit can read them',
  },
  {
    pattern: /^OTEL_(?:METRIC|METRICS|EXPORTER_PROMETHEUS|EXPORTER_OTLP_METRICS)_/,
    title: '`OTEL_METRIC_*`, `OTEL_METRICS_*`, `OTEL_EXPORTER_PROMETHEUS_*`, `OTEL_EXPORTER_OTLP_METRICS_*`',
    reason: 'metrics are not sent over OTLP; METRICS_HOST and METRICS_PORT set where /metrics is',
  },
  {
    pattern: /^OTEL_(?:BLRP|LOGRECORD|EXPORTER_OTLP_LOGS)_/,
    title: '`OTEL_BLRP_*`, `OTEL_LOGRECORD_*`, `OTEL_EXPORTER_OTLP_LOGS_*`',
    reason: 'log lines are not sent over OTLP',
  },
  {
    pattern: /^OTEL_EXPORTER_(?:ZIPKIN|JAEGER)_/,
    title: '`OTEL_EXPORTER_ZIPKIN_*`, `OTEL_EXPORTER_JAEGER_*`',
    reason: 'spans leave over OTLP alone; a Collector can convert them',
  },
  {
    pattern: /^OTEL_SEMCONV_/,
    title: '`OTEL_SEMCONV_*`',
    reason: 'spans and metrics always have the stable names of HTTP and databases',
  },
  {
    pattern: /^OTEL_NODE_EXPERIMENTAL_SDK_METRICS$/,
    title: '`OTEL_NODE_EXPERIMENTAL_SDK_METRICS`',
    reason: 'lost spans are in volwatch_telemetry_dropped_total',
  },
  {
    pattern: /^OTEL_/,
    title: 'every other name that begins with `OTEL_`',
    reason: 'the service does not know this variable',
  },
];
