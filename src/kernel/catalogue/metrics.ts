import { abuseKinds } from './abuse.ts';
import { auditActions, auditOutcomes } from '../ports/audit.ts';
import { cacheNames } from '../ports/cache.ts';
import { errorCategories, errorCodes, errorTable } from './errors.ts';
import { faultModes, faultPoints } from './faults.ts';
import { dependencies } from '../ports/health.ts';
import { jobQueues } from '../ports/jobs.ts';
import { tokenFormats } from '../requests/principal.ts';
import { rateLimitPolicies } from '../requests/route.ts';
import { transactionOperations } from '../ports/unit-of-work.ts';
import { webhookOutcomes } from '../ports/webhooks.ts';

/**
 * The metric catalogue as data. Label values come from closed sets; `open` marks a label whose set is closed by
 * another declaration (route templates, universes, table names), never by what a caller sends.
 */
type Labels = Readonly<Record<string, readonly string[] | 'open'>>;
export type MetricDeclaration = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Labels;
  readonly buckets?: readonly number[];
};

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER'] as const;
const errorType = ['', ...errorCodes] as const;
const authenticationCodes = errorCodes.filter((code) => errorTable[code].category === 'authentication');
const pricingModels = [
  'black_scholes',
  'black76',
  'bachelier',
  'heston',
  'binomial_lr',
  'andersen_lake',
  'baw',
  'unknown',
] as const;
const pricingOperations = ['price', 'greeks', 'implied_volatility', 'batch'] as const;

/** Classes of routes that are shed apart; health and auth are in none. */
export const loadClasses = ['pricing', 'batch', 'read', 'write'] as const;
export type LoadClass = (typeof loadClasses)[number];

/** Seconds. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const longDurationBuckets = [...durationBuckets, 30, 60];

export const metricCatalogue = {
  http_server_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of HTTP server requests in seconds',
    labels: {
      http_request_method: methods,
      http_route: 'open',
      http_response_status_code: 'open',
      error_type: errorType,
    },
  },
  http_server_active_requests: {
    type: 'gauge',
    help: 'HTTP server requests in progress',
    labels: { http_request_method: methods },
  },
  volwatch_errors_total: {
    type: 'counter',
    help: 'Problem documents answered, by category, code and route',
    labels: { category: errorCategories, code: errorCodes, http_route: 'open' },
  },
  volwatch_auth_duration_seconds: {
    type: 'histogram',
    help: 'Duration of authentication operations in seconds',
    labels: {
      operation: ['verify_token', 'issue_token', 'login', 'api_key', 'refresh', 'register', 'session', 'revoke'],
      outcome: ['ok', 'refused', 'error'],
    },
  },
  volwatch_auth_failures_total: {
    type: 'counter',
    help: 'Refused authentications by reason',
    labels: { reason: authenticationCodes },
  },
  volwatch_auth_tokens_total: {
    type: 'counter',
    help: 'Accepted access tokens by format',
    labels: { format: tokenFormats },
  },
  db_client_operation_duration_seconds: {
    type: 'histogram',
    help: 'Duration of database client operations in seconds',
    labels: { db_operation_name: 'open', db_collection_name: 'open', error_type: errorType },
  },
  volwatch_db_transactions_total: {
    type: 'counter',
    help: 'Units of work by operation and outcome; reason is the error code of a rollback',
    labels: { operation: transactionOperations, outcome: ['committed', 'rolled_back'], reason: errorType },
  },
  volwatch_db_transaction_duration_seconds: {
    type: 'histogram',
    help: 'Duration of units of work in seconds',
    labels: { operation: transactionOperations, outcome: ['committed', 'rolled_back'] },
    buckets: longDurationBuckets,
  },
  db_client_connection_count: {
    type: 'gauge',
    help: 'Database connections by state',
    labels: { state: ['idle', 'used'], pool: 'open' },
  },
  db_client_connection_max: {
    type: 'gauge',
    help: 'Largest number of database connections allowed',
    labels: { pool: 'open' },
  },
  db_client_connection_pending_requests: {
    type: 'gauge',
    help: 'Requests waiting for a database connection',
    labels: { pool: 'open' },
  },
  db_client_connection_timeouts_total: {
    type: 'counter',
    help: 'Requests that gave up waiting for a database connection',
    labels: { pool: 'open' },
  },
  db_client_connection_wait_time_seconds: {
    type: 'histogram',
    help: 'Time to obtain a database connection in seconds',
    labels: { pool: 'open' },
  },
  volwatch_pricing_duration_seconds: {
    type: 'histogram',
    help: 'Duration of pricing operations in seconds',
    // A batch may hold rows of several models.
    labels: { operation: pricingOperations, model: [...pricingModels, 'mixed'] },
    buckets: longDurationBuckets,
  },
  volwatch_pricing_options_total: {
    type: 'counter',
    help: 'Options priced by operation, model and outcome',
    labels: { operation: pricingOperations, model: pricingModels, outcome: ['ok', 'invalid', 'failed'] },
  },
  volwatch_pricing_solver_iterations: {
    type: 'histogram',
    help: 'Steps of the solver per implied volatility',
    labels: { model: pricingModels },
    buckets: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128],
  },
  volwatch_pricing_not_converged_total: {
    type: 'counter',
    help: 'Calculations whose numerical method did not converge, by model',
    labels: { model: pricingModels },
  },
  volwatch_pricing_batch_size: {
    type: 'histogram',
    help: 'Rows in a pricing batch',
    labels: { format: ['objects', 'columns', 'arrow'] },
    buckets: [1, 10, 100, 1_000, 10_000, 100_000],
  },
  volwatch_workers_queue_size: {
    type: 'gauge',
    help: 'Pricing tasks that wait for a worker process',
    labels: {},
  },
  volwatch_workers_busy: {
    type: 'gauge',
    help: 'Worker processes that are pricing',
    labels: {},
  },
  volwatch_workers_restarts_total: {
    type: 'counter',
    help: 'Worker processes that ended before their time and were replaced',
    labels: {},
  },
  volwatch_dependency_up: {
    type: 'gauge',
    help: '1 while the dependency answers its health check',
    labels: { dependency: dependencies },
  },
  volwatch_circuit_breaker_state: {
    type: 'gauge',
    help: '0 closed, 1 half-open, 2 open',
    labels: { dependency: dependencies },
  },
  volwatch_dependency_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of requests to a dependency in seconds; rejected: not sent',
    labels: { dependency: dependencies, outcome: ['ok', 'error', 'timeout', 'rejected'] },
  },
  volwatch_retries_total: {
    type: 'counter',
    help: 'Requests to a dependency that were sent again',
    labels: { dependency: dependencies },
  },
  volwatch_cache_requests_total: {
    type: 'counter',
    help: 'Reads through a cache; stale: answered with what is past its time; error: loaded since the cache failed',
    labels: { cache: cacheNames, outcome: ['hit', 'miss', 'stale', 'error'] },
  },
  volwatch_cache_stale_age_seconds: {
    type: 'histogram',
    help: 'Age of what was answered past its time, in seconds',
    labels: { cache: cacheNames },
    buckets: [1, 5, 10, 30, 60, 300, 600, 3_600, 86_400],
  },
  volwatch_refresh_duration_seconds: {
    type: 'histogram',
    help: 'Duration of refreshes in seconds',
    labels: { universe: 'open', outcome: ['succeeded', 'rolled_back', 'failed'] },
    buckets: longDurationBuckets,
  },
  volwatch_refresh_rows_total: {
    type: 'counter',
    help: 'Rows written by committed refreshes',
    labels: { kind: ['assets', 'prices', 'index_values'] },
  },
  volwatch_prices_quarantined_total: {
    type: 'counter',
    help: 'Fetched bars held back because a price moved too far',
    labels: { universe: 'open' },
  },
  volwatch_refresh_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last committed refresh',
    labels: { universe: 'open' },
  },
  volwatch_faults_injected_total: {
    type: 'counter',
    help: 'Injected faults that were felt',
    labels: { point: faultPoints, mode: faultModes },
  },
  volwatch_telemetry_dropped_total: {
    type: 'counter',
    help: 'Telemetry items dropped before export',
    labels: { signal: ['traces', 'logs'], reason: ['queue_full', 'export_failed', 'shutdown'] },
  },
  volwatch_rate_limit_decisions_total: {
    type: 'counter',
    help: 'Rate limit decisions',
    labels: {
      policy: rateLimitPolicies,
      subject: ['ip', 'user', 'client', 'api_key'],
      outcome: ['allowed', 'limited'],
      backend: ['redis', 'memory'],
    },
  },
  volwatch_rate_limit_top_limited: {
    type: 'gauge',
    help: 'Refusals of the ten most refused subjects within the last five to ten minutes',
    // Ten series at any time: what leaves the top ten is removed.
    labels: { rank: 'open', subject_hash: 'open' },
  },
  volwatch_audit_events_total: {
    type: 'counter',
    help: 'Audit events written by action and outcome',
    labels: { action: auditActions, outcome: auditOutcomes },
  },
  volwatch_audit_refusals_omitted_total: {
    type: 'counter',
    help: 'Refusals that no audit event of their own was written for, because their stream had enough in that hour',
    labels: {},
  },
  volwatch_table_rows: {
    type: 'gauge',
    help: 'Rows of a table as PostgreSQL estimates them',
    labels: { table: 'open' },
  },
  volwatch_table_bytes: {
    type: 'gauge',
    help: 'Bytes of a table on disk, with its indexes and large values',
    labels: { table: 'open' },
  },
  volwatch_jobs_total: {
    type: 'counter',
    help: 'Attempts at jobs: ok, failed and to be tried again, or given up',
    labels: { queue: jobQueues, outcome: ['ok', 'failed', 'dead'] },
  },
  volwatch_jobs_queue_size: {
    type: 'gauge',
    help: 'Jobs by queue and state',
    labels: { queue: jobQueues, state: ['waiting', 'active'] },
  },
  volwatch_webhook_deliveries_total: {
    type: 'counter',
    help: 'Attempts at webhook deliveries: delivered, failed and to be tried again, given up, or told 410',
    labels: { outcome: webhookOutcomes },
  },
  volwatch_webhook_delivery_duration_seconds: {
    type: 'histogram',
    help: 'Duration of attempts at webhook deliveries in seconds',
    labels: { outcome: webhookOutcomes },
    buckets: longDurationBuckets,
  },
  volwatch_load_shed_total: {
    type: 'counter',
    help: 'Requests refused because of load, by class of route and reason; caller: one caller has too many in progress',
    labels: { load_class: loadClasses, reason: ['concurrency', 'caller', 'lag'] },
  },
  volwatch_http_connections_refused_total: {
    type: 'counter',
    help: 'Connections closed at once: too many in total, or too many of one address',
    labels: { reason: ['total', 'address'] },
  },
  volwatch_http_bodies_in_progress: {
    type: 'gauge',
    help: 'Request bodies that are being read',
    labels: {},
  },
  volwatch_http_body_bytes: {
    type: 'gauge',
    help: 'Bytes of request bodies in memory, without the first BODY_LIMIT_BYTES of each',
    labels: {},
  },
  volwatch_http_answer_bytes_outstanding: {
    type: 'gauge',
    help: 'Bytes of answers that are kept until their clients read them',
    labels: {},
  },
  volwatch_http_answers_cut_total: {
    type: 'counter',
    help: 'Connections cut while an answer was sent: read below the min rate, not read in time, or made way for others',
    labels: { reason: ['rate', 'timeout', 'backlog'] },
  },
  volwatch_abuse_refused_total: {
    type: 'counter',
    help: 'Requests refused because they would use more than a share of the service, by kind',
    labels: { kind: abuseKinds },
  },
  volwatch_replica_up: {
    type: 'gauge',
    help: '1 while the replica is read from, 0 while it is left out',
    labels: { pool: 'open' },
  },
  volwatch_replica_lag_seconds: {
    type: 'gauge',
    help: 'How far the replica was behind when last looked at',
    labels: { pool: 'open' },
  },
  volwatch_replica_fallbacks_total: {
    type: 'counter',
    help: 'Reads that failed on a replica and were answered by the primary',
    labels: { pool: 'open' },
  },
  volwatch_idempotent_requests_total: {
    type: 'counter',
    help: 'Requests with an Idempotency-Key: ran, answered from an earlier run, or refused',
    labels: { outcome: ['ran', 'replayed', 'refused'] },
  },
  volwatch_build_info: {
    type: 'gauge',
    help: '1, with the build in its labels',
    labels: { version: 'open', commit: 'open', node_version: 'open' },
  },
} as const satisfies Record<string, MetricDeclaration>;

export type MetricName = keyof typeof metricCatalogue;
type NamesOf<Type extends MetricDeclaration['type']> = {
  [Name in MetricName]: (typeof metricCatalogue)[Name]['type'] extends Type ? Name : never;
}[MetricName];
type CounterName = NamesOf<'counter'>;
type GaugeName = NamesOf<'gauge'>;
type HistogramName = NamesOf<'histogram'>;

export type LabelsOf<Name extends MetricName> = {
  readonly [
    Label in keyof (typeof metricCatalogue)[Name]['labels']
  ]: (typeof metricCatalogue)[Name]['labels'][Label] extends readonly (infer Value)[] ? Value : string;
};

type Series<Name extends GaugeName> = { readonly labels: LabelsOf<Name>; readonly value: number };

/** Where rooms report to; implemented by telemetry/ on a prom-client Registry, or by nothing when telemetry is off. */
export type Metrics = {
  readonly count: <Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number) => void;
  readonly set: <Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
  readonly add: <Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, amount: number) => void;
  /** Makes these the only series of the gauge. */
  readonly replace: <Name extends GaugeName>(name: Name, series: readonly Series<Name>[]) => void;
  /** Carries an exemplar when the active span is sampled. */
  readonly observe: <Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
};

const nothing = (): void => {};
export const noMetrics: Metrics = { count: nothing, set: nothing, add: nothing, replace: nothing, observe: nothing };
