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
  /** When false only build and process metrics are registered, and everything reported is forgotten. */
  readonly enabled: boolean;
  readonly build: BuildInfo;
};

/** Counters whose labels are all closed start with every combination at 0, up to so many series. */
const mostZeroSeries = 128;

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
    if (values === 'open' || combinations.length * values.length > mostZeroSeries) return [];
    combinations = combinations.flatMap((labels) => values.map((value) => withLabel(labels, name, value)));
  }
  return combinations;
};

/** Outcome and reason of a unit of work: what it rolls back for, beside the refusals of its own work. */
const transactionResults = errorCodes
  .filter((code) => ['database', 'external_api', 'internal'].includes(errorTable[code].category))
  .map((code) => ['rolled_back', code])
  .concat([['committed', '']]) as [outcome: string, reason: string][];

/** Series at 0 from boot that `combinationsOf` cannot know: an increase from nothing is invisible to `rate()`. */
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

/** Labels of an exemplar, or undefined unless the active span is sampled: a link to a trace that was never kept helps nobody. */
const exemplarOfActiveSpan = (): Labels | undefined => {
  const span = trace.getActiveSpan();
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return (traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : { trace_id: traceId, span_id: spanId };
};

/** Registers the catalogue on `registry` and answers the port that rooms report to. Call once per registry. */
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
