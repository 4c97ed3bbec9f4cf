import { ValueType, type HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import {
  AggregationTemporality,
  DataPointType,
  type DataPoint,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';
import { otlpAttributes, otlpMetricName } from './metric-names.ts';

export type OtlpExemplar = {
  readonly time: HrTime;
  readonly value: number;
  readonly traceId: string;
  readonly spanId: string;
};

/** A point of a histogram. The model of the SDK has no exemplars. */
export type HistogramPoint = DataPoint<Histogram> & { readonly exemplars?: readonly OtlpExemplar[] };

/** What prom-client keeps of an observation. `timestamp` is in seconds. */
type StoredExemplar = {
  readonly labelSet: { readonly trace_id?: string; readonly span_id?: string };
  readonly value: number;
  readonly timestamp: number;
};
type Value = {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
  readonly exemplar?: StoredExemplar | null;
};
type Snapshot = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Value[];
};

export type Times = {
  /** The start of the process, because counters start with it. */
  readonly startTime: HrTime;
  readonly endTime: HrTime;
};

/** The last exemplar of a bucket. It is sent each time, as in /metrics, because a receiver keeps the last point only. */
const exemplarOf = ({ exemplar }: Value): OtlpExemplar[] => {
  const { trace_id: traceId, span_id: spanId } = exemplar?.labelSet ?? {};
  if (!exemplar || traceId === undefined || spanId === undefined) return [];
  return [{ time: millisToHrTime(exemplar.timestamp * 1_000), value: exemplar.value, traceId, spanId }];
};

/**
 * The points of a histogram. For each series prom-client gives its buckets in rising order with cumulative counts, the
 * bucket `+Inf`, the sum and the count.
 */
const histogramPoints = (values: readonly Value[], times: Times): HistogramPoint[] => {
  const points: HistogramPoint[] = [];
  let boundaries: number[] = [];
  let counts: number[] = [];
  let exemplars: OtlpExemplar[] = [];
  let before = 0;
  let sum = 0;
  for (const value of values) {
    const { le } = value.labels;
    if (le !== undefined) {
      if (le !== '+Inf') boundaries.push(Number(le));
      counts.push(value.value - before);
      before = value.value;
      exemplars.push(...exemplarOf(value));
    } else if (value.metricName?.endsWith('_sum')) sum = value.value;
    else {
      points.push({
        startTime: times.startTime,
        endTime: times.endTime,
        attributes: otlpAttributes(value.labels),
        value: { buckets: { boundaries, counts }, sum, count: value.value },
        ...(exemplars.length > 0 && { exemplars }),
      });
      [boundaries, counts, exemplars, before] = [[], [], [], 0];
    }
  }
  return points;
};

/** NaN and infinite values are left out, because JSON has no numbers for them. A gauge without a reading is NaN. */
const numberPoints = (values: readonly Value[], { startTime, endTime }: Times): DataPoint<number>[] =>
  values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ labels, value }) => ({ startTime, endTime, attributes: otlpAttributes(labels), value }));

const metricDataOf = ({ name: prometheusName, help, type, values }: Snapshot, times: Times): MetricData => {
  const { name, unit, addable } = otlpMetricName(prometheusName, type);
  const base = {
    descriptor: { name, description: help, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type === 'histogram') {
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(values, times) };
  }
  const dataPoints = numberPoints(values, times);
  if (type === 'counter' || addable) {
    return { ...base, dataPointType: DataPointType.SUM, isMonotonic: type === 'counter', dataPoints };
  }
  return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
};

/** Not sent, because the resource of OTLP says the same, and receivers make this metric of it. */
const ofResource = 'target_info';

/** Reads the registry as metrics of OTLP. Metrics without a data point are left out. */
export const readMetricData = async (registry: Registry, times: Times): Promise<MetricData[]> => {
  const metrics: MetricData[] = [];
  for (const { name } of registry.getMetricsAsArray()) {
    if (name === ofResource) continue;
    const metric = registry.getSingleMetric(name) as unknown as { readonly get: () => Promise<Snapshot> };
    const snapshot = await metric.get();
    const data = metricDataOf(snapshot, times);
    if (data.dataPoints.length > 0) metrics.push(data);
  }
  return metrics;
};
