import type { Attributes, HrTime } from '@opentelemetry/api';
import {
  ProtobufMetricsSerializer,
  type IExportMetricsServiceResponse,
  type ISerializer,
} from '@opentelemetry/otlp-transformer';
import {
  AggregationTemporality,
  DataPointType,
  type DataPoint,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import type { HistogramPoint, OtlpExemplar } from './metric-data.ts';
import { createProtobufWriter, type ProtobufWriter } from './protobuf-writer.ts';

export type MetricsSerializer = ISerializer<ResourceMetrics, IExportMetricsServiceResponse>;

export const nanoseconds = ([seconds, rest]: HrTime): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
const cumulative = 2;

/** An `AnyValue`. Attributes of metrics and of the resource are texts, whole numbers, booleans, and lists of texts. */
const writeValue = (writer: ProtobufWriter, value: unknown): void => {
  if (typeof value === 'boolean') writer.varint(2, value ? 1 : 0);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= 0) writer.varint(3, value);
    else writer.double(4, value);
  } else if (Array.isArray(value)) {
    writer.message(5, () => {
      for (const item of value.toReversed()) writer.message(1, () => writeValue(writer, item));
    });
  } else writer.text(1, String(value));
};

const writeAttributes = (writer: ProtobufWriter, field: number, attributes: Attributes): void => {
  for (const [key, value] of Object.entries(attributes).reverse()) {
    writer.message(field, () => {
      writer.message(2, () => writeValue(writer, value));
      writer.text(1, key);
    });
  }
};

const writeTimes = (writer: ProtobufWriter, { startTime, endTime }: DataPoint<unknown>): void => {
  writer.fixed64(3, nanoseconds(endTime));
  writer.fixed64(2, nanoseconds(startTime));
};

const writeNumberPoint = (writer: ProtobufWriter, point: DataPoint<number>): void => {
  writeAttributes(writer, 7, point.attributes);
  writer.double(4, point.value);
  writeTimes(writer, point);
};

const writeExemplar = (writer: ProtobufWriter, { time, value, traceId, spanId }: OtlpExemplar): void => {
  writer.hex(5, traceId);
  writer.hex(4, spanId);
  writer.double(3, value);
  writer.fixed64(2, nanoseconds(time));
};

const writeHistogramPoint = (writer: ProtobufWriter, point: HistogramPoint): void => {
  const { buckets, sum, count } = point.value;
  writeAttributes(writer, 9, point.attributes);
  for (const exemplar of (point.exemplars ?? []).toReversed()) writer.message(8, () => writeExemplar(writer, exemplar));
  writer.doubles(7, buckets.boundaries);
  writer.counts(6, buckets.counts);
  writer.double(5, sum ?? 0);
  writer.fixed64(4, BigInt(count));
  writeTimes(writer, point);
};

const writePoints = (writer: ProtobufWriter, metric: MetricData): void => {
  for (const point of metric.dataPoints.toReversed()) {
    writer.message(1, () => {
      if (metric.dataPointType === DataPointType.HISTOGRAM) writeHistogramPoint(writer, point as HistogramPoint);
      else writeNumberPoint(writer, point as DataPoint<number>);
    });
  }
};

const fieldOfType: Readonly<Partial<Record<DataPointType, number>>> = {
  [DataPointType.GAUGE]: 5,
  [DataPointType.SUM]: 7,
  [DataPointType.HISTOGRAM]: 9,
};

const writeMetric = (writer: ProtobufWriter, metric: MetricData): void => {
  const { name, description, unit } = metric.descriptor;
  const { dataPointType: type } = metric;
  const field = fieldOfType[type];
  if (field === undefined || metric.aggregationTemporality !== AggregationTemporality.CUMULATIVE) {
    throw new Error(`a metric of this kind is not supported: ${name}`);
  }
  writer.message(field, () => {
    if (metric.dataPointType === DataPointType.SUM && metric.isMonotonic) writer.varint(3, 1);
    if (type !== DataPointType.GAUGE) writer.varint(2, cumulative);
    writePoints(writer, metric);
  });
  if (unit) writer.text(3, unit);
  if (description) writer.text(2, description);
  writer.text(1, name);
};

const writeScope = (writer: ProtobufWriter, { scope, metrics }: ScopeMetrics): void => {
  if (scope.schemaUrl) writer.text(3, scope.schemaUrl);
  for (const metric of metrics.toReversed()) writer.message(2, () => writeMetric(writer, metric));
  writer.message(1, () => {
    if (scope.version) writer.text(2, scope.version);
    writer.text(1, scope.name);
  });
};

/**
 * As the serializer of the SDK, with exemplars, which it does not write. The fields are those of
 * opentelemetry/proto/metrics/v1/metrics.proto.
 */
export const protobufWithExemplars: MetricsSerializer = {
  serializeRequest: ({ resource, scopeMetrics }) => {
    const writer = createProtobufWriter();
    writer.message(1, () => {
      if (resource.schemaUrl) writer.text(3, resource.schemaUrl);
      for (const scope of scopeMetrics.toReversed()) writer.message(2, () => writeScope(writer, scope));
      writer.message(1, () => {
        writer.varint(2, 0);
        writeAttributes(writer, 1, resource.attributes);
      });
    });
    return writer.finish();
  },
  deserializeResponse: (bytes) => ProtobufMetricsSerializer.deserializeResponse(bytes),
};
