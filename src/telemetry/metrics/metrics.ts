import { trace, TraceFlags } from '@opentelemetry/api';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from 'prom-client';
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
import { createCallerSeries } from './caller-series.ts';
import type { IsKept } from './kept-traces.ts';

/** A registry for both formats, see exposition.ts. */
type MetricsRegistry = Registry<PrometheusContentType | OpenMetricsContentType>;
type Labels = Readonly<Record<string, string>>;

type BuildInfo = { readonly version: string; readonly commit: string };
type TargetInfo = { readonly serviceName: string; readonly instanceId: string };

export type MetricsDeps = {
  readonly registry: MetricsRegistry;
  /** If false, only build and process metrics are registered, and reports are ignored. */
  readonly enabled: boolean;
  readonly build: BuildInfo;
  /** The names of the service and of this process, which spans and log lines have too. Default: no such metric. */
  readonly target?: TargetInfo;
  /** Which traces exemplars may name. Default: all sampled ones. */
  readonly isKept?: IsKept;
};

/** A counter with closed labels starts at 0 for every combination, if it has no more combinations than this. */
const maxZeroSeries = 128;

/** Metrics without a number: their labels say what runs. They are set once, also without telemetry. */
const infoNames: readonly string[] = ['volwatch_build_info', 'target_info'] satisfies MetricName[];
const expose = (registry: MetricsRegistry, name: MetricName, values: Labels): void => {
  const { help, labels } = metricCatalogue[name];
  new Gauge({ name, help, labelNames: Object.keys(labels), registers: [registry] }).set(values, 1);
};

const withLabel = (labels: Labels, name: string, value: string): Labels => ({ ...labels, [name]: value });

const combinationsOf = (labels: MetricDeclaration['labels']): Labels[] => {
  let combinations: Labels[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (typeof values === 'string' || combinations.length * values.length > maxZeroSeries) return [];
    combinations = combinations.flatMap((labels) => values.map((value) => withLabel(labels, name, value)));
  }
  return combinations;
};

/** Outcomes and reasons of units of work that the seeds contain: the commit, and rollbacks because of a fault. */
const transactionResults = errorCodes
  .filter((code) => ['database', 'external_api', 'internal'].includes(errorTable[code].category))
  .map((code) => ['rolled_back', code])
  .concat([['committed', '']]) as [outcome: string, reason: string][];

/** Categories of the errors that end a refresh. They are counted with an empty route. */
const refreshErrorCategories: ReadonlySet<string> = new Set(['database', 'external_api', 'overload', 'internal']);

/** Additional series that start at 0, because `rate()` does not see the first value of a new series. */
const seeds: Partial<Record<MetricName, readonly Labels[]>> = {
  volwatch_errors_total: errorCodes.flatMap((code) => {
    const { category } = errorTable[code];
    const routes = refreshErrorCategories.has(category) ? ['unmatched', ''] : ['unmatched'];
    return routes.map((route) => ({ category, code, http_route: route }));
  }),
  volwatch_pricing_failed_items_total: [
    'validation_failed',
    'pricing_model_unknown',
    'pricing_calculation_failed',
    'pricing_engine_unavailable',
  ].map((code) => ({ code })),
  volwatch_db_transactions_total: transactionOperations.flatMap((operation) =>
    transactionResults.map(([outcome, reason]) => ({ operation, outcome, reason })),
  ),
};

/**
 * Returns the labels of an exemplar. Undefined if the active span is not sampled, or if the Collector does not keep its
 * trace, because the trace is not stored then.
 */
const exemplarOfActiveSpan = (isKept: IsKept, seconds: number): Labels | undefined => {
  const span = trace.getActiveSpan();
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  if ((traceFlags & TraceFlags.SAMPLED) === 0 || !isKept(traceId, seconds)) return undefined;
  return { trace_id: traceId, span_id: spanId };
};

/**
 * Registers all metrics of the catalogue on `registry` and returns the port for reports. Must be called once per
 * registry.
 */
export const createMetrics = ({ registry, enabled, build, target, isKept = () => true }: MetricsDeps): Metrics => {
  // prom-client takes exemplars only on a registry of this type. `renderMetrics` chooses the format of each scrape.
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry });
  expose(registry, 'volwatch_build_info', {
    version: build.version,
    commit: build.commit,
    node_version: process.version,
  });
  if (target) {
    expose(registry, 'target_info', { service_name: target.serviceName, service_instance_id: target.instanceId });
  }
  if (!enabled) return noMetrics;

  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, { readonly histogram: Histogram; readonly exemplars: boolean }>();
  const callerSeries = createCallerSeries();
  const notes = new Map<string, (labels: Labels) => void>();
  const register = (name: string, declaration: MetricDeclaration, metric: Counter | Gauge | Histogram): void => {
    const note = callerSeries.noteOf(name, declaration, metric);
    if (note) notes.set(name, note);
  };
  for (const [name, declaration] of Object.entries<MetricDeclaration>(metricCatalogue)) {
    if (infoNames.includes(name)) continue;
    const { type, help, labels, buckets = durationBuckets } = declaration;
    const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
    if (type === 'histogram') {
      const exemplars = name.endsWith('_duration_seconds');
      const histogram = new Histogram({ ...options, buckets: [...buckets], enableExemplars: exemplars });
      histograms.set(name, { histogram, exemplars });
      register(name, declaration, histogram);
    } else if (type === 'gauge') {
      const gauge = new Gauge(options);
      gauges.set(name, gauge);
      register(name, declaration, gauge);
    } else {
      const counter = new Counter(options);
      for (const each of seeds[name as MetricName] ?? combinationsOf(labels)) counter.inc(each, 0);
      counters.set(name, counter);
      register(name, declaration, counter);
    }
  }

  // prom-client throws on a value that is no number. A report must never fail the work that it is about.
  return {
    count: (name, labels, amount = 1) => {
      if (amount < 0 || !Number.isFinite(amount)) return;
      notes.get(name)?.(labels as Labels);
      counters.get(name)?.inc(labels as Labels, amount);
    },
    set: (name, labels, value) => {
      if (!Number.isFinite(value)) return;
      notes.get(name)?.(labels as Labels);
      gauges.get(name)?.set(labels as Labels, value);
    },
    add: (name, labels, amount) => {
      if (!Number.isFinite(amount)) return;
      notes.get(name)?.(labels as Labels);
      gauges.get(name)?.inc(labels as Labels, amount);
    },
    replace: (name, series) => {
      const gauge = gauges.get(name);
      gauge?.reset();
      for (const { labels, value } of series) gauge?.set(labels as Labels, value);
    },
    forget: callerSeries.forget,
    observe: (name, labels, value) => {
      const entry = histograms.get(name);
      if (entry === undefined || !Number.isFinite(value)) return;
      const { histogram, exemplars } = entry;
      notes.get(name)?.(labels as Labels);
      if (!exemplars) {
        histogram.observe(labels as Labels, value);
        return;
      }
      const exemplarLabels = exemplarOfActiveSpan(isKept, value);
      if (exemplarLabels === undefined) histogram.observe({ labels: labels as Labels, value });
      else histogram.observe({ labels: labels as Labels, value, exemplarLabels });
    },
  };
};
