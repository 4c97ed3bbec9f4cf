import type { MetricName } from '#src/kernel/catalogue/metrics.ts';

/** Percentiles of one histogram, as a recording rule for each. */
export type Percentiles = {
  readonly subject: string;
  readonly metric: MetricName;
  /** The labels that the percentiles keep. They are of all instances together. */
  readonly by: readonly string[];
  /** Label matchers of the series that count. */
  readonly selector?: string;
  readonly panelId: number;
  readonly title: string;
  readonly description: string;
};

export const quantiles = [0.5, 0.95, 0.99] as const;

export const percentiles: readonly Percentiles[] = [
  {
    subject: 'http',
    metric: 'http_server_request_duration_seconds',
    by: ['http_request_method', 'http_route'],
    selector: 'http_route!~"/health.*"',
    panelId: 1,
    title: 'Requests by route',
    description: 'p50, p95 and p99 of requests by method and route, health checks left out.',
  },
  {
    subject: 'auth',
    metric: 'volwatch_auth_duration_seconds',
    by: ['operation'],
    panelId: 2,
    title: 'Auth by operation',
    description: 'p50, p95 and p99 of sign-ins, tokens, API keys, checks of scopes and CSRF tokens, hashes.',
  },
  {
    subject: 'pricing',
    metric: 'volwatch_pricing_duration_seconds',
    by: ['operation', 'model'],
    panelId: 3,
    title: 'Pricing by operation and model',
    description:
      'p50, p95 and p99 of calculations. `mixed` and `unknown` are batches of several models and refused inputs.',
  },
  {
    subject: 'forecast',
    metric: 'volwatch_forecast_duration_seconds',
    by: ['method'],
    panelId: 4,
    title: 'Forecasts by method',
    description: 'p50, p95 and p99 of volatility forecasts, with the wait for a pricing process.',
  },
  {
    subject: 'transaction',
    metric: 'volwatch_db_transaction_duration_seconds',
    by: ['operation'],
    panelId: 5,
    title: 'Transactions by operation',
    description: 'p50, p95 and p99 of units of work, with the wait for a connection.',
  },
  {
    subject: 'statement',
    metric: 'db_client_operation_duration_seconds',
    by: ['db_operation_name', 'db_collection_name'],
    panelId: 6,
    title: 'Statements by operation and table',
    description: 'p50, p95 and p99 of statements, as the service sees them: with the network.',
  },
  {
    subject: 'refresh',
    metric: 'volwatch_refresh_duration_seconds',
    by: ['universe'],
    panelId: 7,
    title: 'Refreshes by universe',
    description: 'p50, p95 and p99 of refreshes, with the provider.',
  },
  {
    subject: 'dependency',
    metric: 'volwatch_dependency_request_duration_seconds',
    by: ['dependency'],
    panelId: 8,
    title: 'Requests to dependencies',
    description: 'p50, p95 and p99 of requests to Redis, providers and Google, refused ones included.',
  },
];

/** The window of the rates. */
const window = '5m';

/** The recorded series. Its label `quantile` is 0.5, 0.95 or 0.99. */
export const recordOf = ({ subject }: Percentiles): string => `percentile:${subject}_duration_seconds:${window}`;

export const expressionOf = ({ metric, by, selector }: Percentiles, quantile: number): string =>
  `histogram_quantile(${quantile}, sum by (le, ${by.join(', ')}) (rate(${metric}_bucket{${['job="volwatch"', selector].filter(Boolean).join(',')}}[${window}])))`;
