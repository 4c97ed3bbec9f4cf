/**
 * A dashboard as data, free of what the dashboard library asks for. `sdk.ts` turns it into Grafana's JSON, the
 * verification reads its queries, the alert rules find their panel here.
 */
export type Unit = 'seconds' | 'share' | 'requests/s' | 'events/s' | 'count' | 'bytes' | 'state' | 'rate';

export type Query = {
  readonly expr: string;
  /** How one series is called: label values in `{{ }}`, words for the rest. */
  readonly legend: string;
};

/** A line from which on a value is wrong; `from` says where the number was decided. */
type Threshold = { readonly value: number; readonly color: 'yellow' | 'orange' | 'red' | 'green' };

export type PanelSpec = {
  /** Never changes: links of alerts carry it. */
  readonly id: number;
  readonly kind: 'timeseries' | 'stat' | 'bars' | 'table' | 'states';
  /** A question. */
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly thresholds?: readonly Threshold[];
  /** Where the thresholds were decided; absent with thresholds: slo.yaml. */
  readonly thresholdSource?: string;
  /** Below the first threshold things are bad rather than good. */
  readonly lowIsBad?: true;
  /** Latency: points that open the trace of one request. */
  readonly exemplars?: true;
  /** The alerts whose value this panel shows. */
  readonly alerts?: readonly string[];
  /** Of 24; default 12. */
  readonly width?: number;
  readonly stacked?: true;
};

export type RowSpec = { readonly title: string; readonly panels: readonly PanelSpec[] };

export type DashboardSpec = {
  readonly uid: string;
  readonly file: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly RowSpec[];
};

/** Of the chosen instances. */
export const of = (metric: string, labels = ''): string =>
  `${metric}{job="volwatch",instance=~"$instance"${labels === '' ? '' : `,${labels}`}}`;
/** Of the chosen instances and routes; health checks are left out. */
export const ofRoutes = (metric: string, labels = ''): string =>
  of(metric, `http_route=~"$route",http_route!~"/health.*"${labels === '' ? '' : `,${labels}`}`);
export const rate = (selector: string): string => `rate(${selector}[$__rate_interval])`;
export const sumRate = (selector: string, by?: string): string =>
  `sum${by === undefined ? '' : ` by (${by})`} (${rate(selector)})`;

/** A quantile of a histogram; `bucket` is the selector of its buckets. */
export const quantile = (q: number, bucket: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(bucket)}))`;
/** p50, p95 and p99 of a histogram, one query each. */
export const quantiles = (bucket: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, bucket), legend: `p${q * 100}` }));

/** A ratio that is 0, not unknown, while nothing of the numerator ever happened. */
export const share = (part: string, whole: string, by?: string): string => {
  const all = sumRate(whole, by);
  return `(${sumRate(part, by)} or 0 * ${all}) / ${all}`;
};
