import type { Attributes } from '@opentelemetry/api';
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { DataPointType, type DataPoint, type MetricData } from '@opentelemetry/sdk-metrics';
import type { HistogramPoint, OtlpExemplar } from './metric-data.ts';
import { nanoseconds, type MetricsSerializer } from './metrics-serializer.ts';

/** `aggregationTemporality`. Metrics of the registry are cumulative. */
const cumulative = 2;

/** Attributes of metrics are texts and whole numbers. */
const attributesOf = (attributes: Attributes): object[] =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: value } : { stringValue: String(value) },
  }));

const timesOf = ({ startTime, endTime }: DataPoint<unknown>) => ({
  startTimeUnixNano: String(nanoseconds(startTime)),
  timeUnixNano: String(nanoseconds(endTime)),
});

const numberPoint = (point: DataPoint<number>): object => ({
  attributes: attributesOf(point.attributes),
  ...timesOf(point),
  asDouble: point.value,
});

const exemplarOf = ({ time, value, traceId, spanId }: OtlpExemplar): object => ({
  timeUnixNano: String(nanoseconds(time)),
  asDouble: value,
  traceId,
  spanId,
});

const histogramPoint = (point: HistogramPoint): object => ({
  attributes: attributesOf(point.attributes),
  bucketCounts: point.value.buckets.counts,
  explicitBounds: point.value.buckets.boundaries,
  count: point.value.count,
  sum: point.value.sum,
  ...timesOf(point),
  exemplars: point.exemplars?.map(exemplarOf),
});

const metricOf = (metric: MetricData): object => {
  const { name, description, unit } = metric.descriptor;
  const base = { name, description, unit };
  if (metric.dataPointType === DataPointType.HISTOGRAM) {
    const dataPoints = metric.dataPoints.map(histogramPoint);
    return { ...base, histogram: { aggregationTemporality: cumulative, dataPoints } };
  }
  const dataPoints = (metric.dataPoints as DataPoint<number>[]).map(numberPoint);
  if (metric.dataPointType !== DataPointType.SUM) return { ...base, gauge: { dataPoints } };
  return { ...base, sum: { aggregationTemporality: cumulative, isMonotonic: metric.isMonotonic, dataPoints } };
};

type Request = { readonly resourceMetrics: readonly [{ readonly scopeMetrics: readonly { metrics: object[] }[] }] };

/**
 * As the serializer of the SDK, with exemplars, which it does not write. The SDK writes the resource and the scopes, so
 * only this small part is parsed again.
 */
export const jsonWithExemplars: MetricsSerializer = {
  serializeRequest: ({ resource, scopeMetrics }) => {
    const scopes = scopeMetrics.map(({ scope }) => ({ scope, metrics: [] }));
    const bytes = JsonMetricsSerializer.serializeRequest({ resource, scopeMetrics: scopes });
    if (bytes === undefined) return undefined;
    const request = JSON.parse(Buffer.from(bytes).toString()) as Request;
    for (const [index, scope] of request.resourceMetrics[0].scopeMetrics.entries()) {
      scope.metrics = scopeMetrics[index]!.metrics.map(metricOf);
    }
    return Buffer.from(JSON.stringify(request));
  },
  deserializeResponse: (bytes) => JsonMetricsSerializer.deserializeResponse(bytes),
};
