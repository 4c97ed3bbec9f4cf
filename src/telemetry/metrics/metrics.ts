import { trace, TraceFlags } from '@opentelemetry/api';
import { collectDefaultMetrics, Gauge } from 'prom-client';
import { errorCodes, errorTable } from '../../kernel/catalogue/errors.ts';
import {
  durationBuckets,
  metricCatalogue,
  noMetrics,
  type MetricDeclaration,
  type MetricName,
  type Metrics,
} from '../../kernel/catalogue/metrics.ts';
import { transactionOperations } from '../../kernel/ports/unit-of-work.ts';
import {
  createHistogram,
  createScalar,
  type HistogramInstrument,
  type Labels,
  type MetricsRegistry,
  type Scalar,
} from './instruments.ts';

type BuildInfo = { readonly version: string; readonly commit: string };

export type MetricsDeps = {
  readonly registry: MetricsRegistry;
  /** If false, only build and process metrics are registered, and reports are ignored. */
  readonly enabled: boolean;
  readonly build: BuildInfo;
};

/** A counter with closed labels starts at 0 for every combination, if it has no more combinations than this. */
const maxZeroSeries = 128;

const exposeBuild = (registry: MetricsRegistry, { version, commit }: BuildInfo): void => {
  const { help, labels } = metricCatalogue.volwatch_build_info;
  new Gauge({ name: 'volwatch_build_info', help, labelNames: Object.keys(labels), registers: [registry] }).set(
    { version, commit, node_version: process.version },
    1,
  );
};

const withLabel = (labels: Labels, name: string, value: string): Labels => ({ ...labels, [name]: value });

const combinationsOf = (labels: MetricDeclaration['labels']): Labels[] => {
  let combinations: Labels[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (values === 'open' || combinations.length * values.length > maxZeroSeries) return [];
    combinations = combinations.flatMap((labels) => values.map((value) => withLabel(labels, name, value)));
  }
  return combinations;
};

/** Outcomes and reasons of units of work that the seeds contain: the commit, and rollbacks because of a fault. */
const transactionResults = errorCodes
  .filter((code) => ['database', 'external_api', 'internal'].includes(errorTable[code].category))
  .map((code) => ['rolled_back', code])
  .concat([['committed', '']]) as [outcome: string, reason: string][];

/** Additional series that start at 0, because `rate()` does not see the first value of a new series. */
const seeds: Partial<Record<MetricName, readonly Labels[]>> = {
  volwatch_errors_total: errorCodes.map((code) => ({
    category: errorTable[code].category,
    code,
    http_route: 'unmatched',
  })),
  volwatch_db_transactions_total: transactionOperations.flatMap((operation) =>
    transactionResults.map(([outcome, reason]) => ({ operation, outcome, reason })),
  ),
};

/**
 * Returns the labels of an exemplar. Undefined if the active span is not sampled, because its trace is not stored then.
 */
const exemplarOfActiveSpan = (): Labels | undefined => {
  const span = trace.getActiveSpan();
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return (traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : { trace_id: traceId, span_id: spanId };
};

/**
 * Registers all metrics of the catalogue on `registry` and returns the port for reports. Must be called once per
 * registry.
 */
export const createMetrics = ({ registry, enabled, build }: MetricsDeps): Metrics => {
  collectDefaultMetrics({ register: registry });
  exposeBuild(registry, build);
  if (!enabled) return noMetrics;

  const scalars = new Map<string, Scalar>();
  const histograms = new Map<string, { readonly histogram: HistogramInstrument; readonly exemplars: boolean }>();
  for (const [name, declaration] of Object.entries<MetricDeclaration>(metricCatalogue)) {
    if (name === 'volwatch_build_info') continue;
    const { type, help, labels } = declaration;
    const description = { name, help, labelNames: Object.keys(labels) };
    if (type === 'histogram') {
      const histogram = createHistogram(registry, description, declaration.buckets ?? durationBuckets);
      histograms.set(name, { histogram, exemplars: name.endsWith('_duration_seconds') });
      continue;
    }
    const scalar = createScalar(registry, type, description);
    if (type === 'counter') for (const each of seeds[name as MetricName] ?? combinationsOf(labels)) scalar.add(each, 0);
    scalars.set(name, scalar);
  }

  return {
    count: (name, labels, amount = 1) => scalars.get(name)?.add(labels as Labels, amount),
    set: (name, labels, value) => scalars.get(name)?.set(labels as Labels, value),
    add: (name, labels, amount) => scalars.get(name)?.add(labels as Labels, amount),
    replace: (name, series) => {
      const gauge = scalars.get(name);
      gauge?.clear();
      for (const { labels, value } of series) gauge?.set(labels as Labels, value);
    },
    observe: (name, labels, value) => {
      const entry = histograms.get(name);
      entry?.histogram.observe(labels as Labels, value, entry.exemplars ? exemplarOfActiveSpan() : undefined);
    },
  };
};
