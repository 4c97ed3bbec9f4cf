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
    pattern: /^OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE$/,
    title: '`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`',
    accepted: ['cumulative'],
    reason:
      'metrics are counted from the start of the process, for /metrics and OTLP alike; a Collector can convert them',
  },
  {
    pattern: /^OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION$/,
    title: '`OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`',
    accepted: ['explicit_bucket_histogram'],
    reason: 'histograms have the buckets of /metrics',
  },
  {
    pattern: /^OTEL_METRICS_EXEMPLAR_FILTER$/,
    title: '`OTEL_METRICS_EXEMPLAR_FILTER`',
    accepted: ['trace_based'],
    reason: 'exemplars name sampled traces that the Collector keeps',
  },
  {
    pattern: /^OTEL_EXPORTER_PROMETHEUS_/,
    title: '`OTEL_EXPORTER_PROMETHEUS_*`',
    reason: 'METRICS_HOST and METRICS_PORT set where /metrics is',
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
