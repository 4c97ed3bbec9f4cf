/**
 * A dashboard as data, independent of the dashboard library. `sdk.ts` converts it to Grafana's JSON, the verification
 * reads its queries, and the alert rules find their panel here.
 */
export type Unit = 'seconds' | 'share' | 'requests/s' | 'events/s' | 'count' | 'bytes' | 'bytes/s' | 'state' | 'rate';

export type Query = {
  readonly expr: string;
  /** The name of a series: label values in `{{ }}`, plain text for the rest. */
  readonly legend: string;
};

/** A line from which on a value is wrong; `from` says where the number was decided. */
type Threshold = { readonly value: number; readonly color: 'yellow' | 'orange' | 'red' | 'green' };

type StateSpec = { readonly value: number; readonly text: string; readonly color: 'green' | 'yellow' | 'red' | 'blue' };

export type PanelSpec = {
  /** Must never change, because the links of alerts contain it. */
  readonly id: number;
  readonly kind: 'timeseries' | 'stat' | 'bars' | 'table' | 'states' | 'heatmap';
  /** A short noun phrase. The description says what it answers. */
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly thresholds?: readonly Threshold[];
  /** The document that defines the thresholds. If it is absent and there are thresholds, they come from slo.yaml. */
  readonly thresholdSource?: string;
  /** Values below the first threshold are bad instead of good. */
  readonly lowIsBad?: true;
  /** The text and colour of each value of a `states` panel. The default is down for 0 and up for 1. */
  readonly states?: readonly StateSpec[];
  /** For latency panels: points that open the trace of one request. */
  readonly exemplars?: true;
  /** The alerts whose value this panel shows. */
  readonly alerts?: readonly string[];
  /** Width in grid columns, of 24 in total; the default is 12. */
  readonly width?: number;
  /** Height in grid rows; the default is 8. */
  readonly height?: number;
  readonly stacked?: true;
  /** Events are minutes apart, so lines connect points that are up to ten minutes apart. */
  readonly rare?: true;
  /** Values up to 1 are linear, larger ones logarithmic, so that one high series does not flatten the others. */
  readonly logarithmic?: true;
  /** The first link of a panel, in addition to those of every panel. */
  readonly link?: { readonly title: string; readonly url: string };
  /** The name of the column of values of a table with one query. Required there. */
  readonly valueName?: string;
  /** The columns of a table with several queries, one for each query. The rows are sorted by the first one. */
  readonly columns?: readonly ColumnSpec[];
};

export type ColumnSpec = {
  readonly name: string;
  readonly unit: Unit;
  /** From these values on the cell has the colour of the threshold. */
  readonly thresholds?: readonly Threshold[];
};

export type RowSpec = { readonly title: string; readonly panels: readonly PanelSpec[] };

export type DashboardSpec = {
  readonly uid: string;
  readonly file: string;
  readonly title: string;
  readonly description: string;
  /** The begin of the time range; the default is now-1h. */
  readonly from?: string;
  readonly rows: readonly RowSpec[];
};

/** A metric of the selected instances. */
export const of = (metric: string, labels = ''): string =>
  `${metric}{job="volwatch",instance=~"$instance"${labels === '' ? '' : `,${labels}`}}`;
/** A metric of the selected instances and routes, without health checks. */
export const ofRoutes = (metric: string, labels = ''): string =>
  of(metric, `http_route=~"$route",http_route!~"/health.*"${labels === '' ? '' : `,${labels}`}`);
export const rate = (selector: string): string => `rate(${selector}[$__rate_interval])`;
export const sumRate = (selector: string, by?: string): string =>
  `sum${by === undefined ? '' : ` by (${by})`} (${rate(selector)})`;

/** A rate that is 0 instead of unknown while no event was counted, and `whole` has events. */
export const sumRateOrZero = (part: string, whole: string): string => `${sumRate(part)} or 0 * ${sumRate(whole)}`;

/** A quantile of a histogram; `bucket` is the selector of its buckets. */
export const quantile = (q: number, bucket: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(bucket)}))`;
/** p50, p95 and p99 of a histogram, one query each. */
export const quantiles = (bucket: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, bucket), legend: `p${q * 100}` }));

/** The value of an expression over the whole time range of the dashboard instead of one step. */
const overRange = (expr: string): string =>
  expr
    .replaceAll(/\[\$__(rate_)?interval\]/g, '[$__range] @ end()')
    // A gauge counts with its max, because it can have no sample at the end: a scrape was missed, or the service is down.
    .replaceAll(/(\b[a-z]\w*\{[^}]*\})(?!\[)/g, 'max_over_time($1[$__range] @ end())');

/** The max number of series of a time series panel. A legend has place for about eight. */
const shownSeries = 8;

/**
 * The series of `expr` that are the highest over the whole time range, told apart by the labels `by`. A bare `topk` picks
 * other series at each step, so that the legend grows to all of them. `> -Inf` leaves out a series without a number: it
 * would be a line of the legend without a value.
 */
export const highest = (expr: string, by: string, count = shownSeries, rank = expr): string =>
  `(${expr}) > -Inf and on (${by}) topk(${count}, ${overRange(rank)})`;
/** The sum of all series that `highest` leaves out. */
export const others = (expr: string, by: string): string =>
  `sum((${expr}) unless on (${by}) topk(${shownSeries}, ${overRange(expr)})) > 0`;

/** The share of events over the window of an alert. Rare events would be 0 or 100 % over a shorter time. */
export const shareOver = (window: string, part: string, whole: string): string => {
  const all = `sum(increase(${whole}[${window}]))`;
  return `(sum(increase(${part}[${window}])) or 0 * ${all}) / ${all}`;
};

/** A ratio that is 0 instead of unknown while the numerator has no series. */
export const share = (part: string, whole: string, by?: string): string => {
  const all = sumRate(whole, by);
  return `(${sumRate(part, by)} or 0 * ${all}) / ${all}`;
};
