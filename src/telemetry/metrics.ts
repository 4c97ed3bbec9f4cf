import { trace, TraceFlags } from '@opentelemetry/api';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type OpenMetricsContentType,
  type PrometheusContentType,
} from 'prom-client';
import { errorCodes, errorTable } from '../kernel/errors.ts';
import {
  durationBuckets,
  metricCatalogue,
  noMetrics,
  type MetricDeclaration,
  type MetricName,
  type Metrics,
} from '../kernel/metrics.ts';
import { transactionOperations } from '../kernel/unit-of-work.ts';

/** `new Registry()`: serves both formats, see exposition.ts. */
type MetricsRegistry = Registry<PrometheusContentType | OpenMetricsContentType>;

type BuildInfo = { readonly version: string; readonly commit: string };

export type MetricsDeps = {
  readonly registry: MetricsRegistry;
  /** When false only build and process metrics are registered, and everything reported is forgotten. */
  readonly enabled: boolean;
  readonly build: BuildInfo;
};

type Labels = Readonly<Record<string, string>>;

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

  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, { readonly histogram: Histogram; readonly exemplars: boolean }>();
  // prom-client makes histograms with exemplars only for a registry of this type; which format is served is decided per scrape.
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const [name, declaration] of Object.entries<MetricDeclaration>(metricCatalogue)) {
    if (name === 'volwatch_build_info') continue;
    const common = { name, help: declaration.help, labelNames: Object.keys(declaration.labels), registers: [registry] };
    if (declaration.type === 'counter') {
      const counter = new Counter(common);
      for (const labels of seeds[name as MetricName] ?? combinationsOf(declaration.labels)) counter.inc(labels, 0);
      counters.set(name, counter);
    } else if (declaration.type === 'gauge') {
      gauges.set(name, new Gauge(common));
    } else {
      const exemplars = name.endsWith('_duration_seconds');
      const buckets = [...(declaration.buckets ?? durationBuckets)];
      histograms.set(name, { histogram: new Histogram({ ...common, buckets, enableExemplars: exemplars }), exemplars });
    }
  }
  registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);

  return {
    count: (name, labels, amount = 1) => counters.get(name)?.inc(labels as Labels, amount),
    set: (name, labels, value) => gauges.get(name)?.set(labels as Labels, value),
    add: (name, labels, amount) => gauges.get(name)?.inc(labels as Labels, amount),
    replace: (name, series) => {
      const gauge = gauges.get(name);
      gauge?.reset();
      for (const { labels, value } of series) gauge?.set(labels as Labels, value);
    },
    observe: (name, labels, value) => {
      const entry = histograms.get(name);
      if (entry === undefined) return;
      if (!entry.exemplars) return entry.histogram.observe(labels as Labels, value);
      const exemplarLabels = exemplarOfActiveSpan();
      entry.histogram.observe(
        exemplarLabels === undefined
          ? { labels: labels as Labels, value }
          : { labels: labels as Labels, value, exemplarLabels },
      );
    },
  };
};
