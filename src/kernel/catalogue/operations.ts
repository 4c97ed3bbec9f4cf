import type { AuditAction } from '../ports/audit.ts';
import { jobQueues } from '../ports/jobs.ts';
import { transactionOperations } from '../ports/unit-of-work.ts';

/** What an operation does. */
type Described = { readonly does: string };
/** A part of another operation: its time and its refusals count in the other one. */
type AuthOperation = Described & { readonly isPart?: true };
/** Without `noSpan` the operation has a span; `noSpan` is the reason why it has none. */
type MaintenanceOperation = Described & { readonly noSpan?: string };
/** Operator commands are processes that end before a scrape, so running instances count them from the audit trail. */
type OperatorOperation = Described & { readonly audited?: AuditAction };

/** Span `auth.NAME`, metric `volwatch_auth_duration_seconds{operation="NAME"}`. */
export const authOperations = {
  verify_token: { does: 'Verify the access token of a request' },
  inspect_token: { does: 'Verify an access token in a body, to revoke it', isPart: true },
  issue_token: { does: 'Exchange the credentials of a client for an access token' },
  refresh: { does: 'Exchange a refresh token for new tokens' },
  revoke: { does: 'Revoke a token, or sign out' },
  login: { does: 'Sign in with e-mail and password' },
  register: { does: 'Create an account' },
  session: { does: 'Read the session of a cookie' },
  api_key: { does: 'Verify the API key of a request' },
  password_change: { does: 'Replace the own password' },
  password_reset_request: { does: 'Ask for the message that resets a password' },
  password_reset: { does: 'Set a new password with the token of a message' },
  email_change_request: { does: 'Ask for a change of the own e-mail address' },
  email_confirm: { does: 'Confirm an e-mail address, or approve its change' },
  removal_request: { does: 'Ask for the removal of the own account' },
  user_admin: { does: 'Read or change users as an administrator, or end their sessions' },
  sessions: { does: 'List or end the own sign-ins' },
  second_factor: { does: 'Finish a sign-in with a code of the second factor' },
  totp: { does: 'Read, make, enable or remove the own second factor' },
  create_api_key: { does: 'Create an API key' },
  list_api_keys: { does: 'List the API keys of a caller' },
  change_api_key: { does: 'Rename an API key, or take scopes from it' },
  rotate_api_key: { does: 'Replace an API key, with an overlap' },
  revoke_api_key: { does: 'Revoke an API key' },
  check_owner: { does: 'Read the state and scopes of the owner of a credential' },
  check_scope: { does: 'Compare the scopes of the caller with the scope of the route' },
  check_csrf: { does: 'Check origin and CSRF token of a request with a session cookie' },
  hash_secret: { does: 'Hash a password or a client secret, with the wait for a place', isPart: true },
  verify_secret: { does: 'Compare a password or a client secret with its hash, with the wait', isPart: true },
} as const satisfies Record<string, AuthOperation>;

/** Span `auth.NAME` in the process of the command, metric `volwatch_operator_actions_total{action="AUDITED"}`. */
const operatorOperations = {
  create_client: { does: 'Create a client', audited: 'client.created' },
  rotate_client: { does: 'Replace the secret of a client', audited: 'client.rotated' },
  revoke_client: { does: 'Revoke a client', audited: 'client.revoked' },
  list_clients: { does: 'List all clients' },
  end_key: { does: 'End one API key', audited: 'api_key.revoked' },
  end_keys: { does: 'End all API keys of an owner', audited: 'api_key.revoked' },
  end_all: { does: 'End all credentials of a user', audited: 'user.credentials_ended' },
  disable_user: { does: 'Disable a user', audited: 'user.disabled' },
  enable_user: { does: 'Enable a user', audited: 'user.enabled' },
  list_users: { does: 'List users' },
  show_user: { does: 'Show one user' },
  change_user: { does: 'Change role, scopes or state of a user', audited: 'user.changed' },
  remove_second_factor: { does: 'Remove the second factor of a user', audited: 'user.second_factor_removed' },
  end_sessions: { does: 'End the sign-ins of a user', audited: 'user.sessions_ended' },
  erase_user: { does: 'Delete the data of a user', audited: 'user.erased' },
} as const satisfies Record<string, OperatorOperation>;

const everySecond = 'it runs about every second, and its spans would show nothing that the metric does not';

/** Span `db.NAME`, metric `volwatch_db_maintenance_duration_seconds{operation="NAME"}`. */
export const maintenanceOperations = {
  check_server: { does: 'Check version and settings of the server at the start' },
  migrate: { does: 'Run the pending migrations' },
  check_schema: { does: 'Compare the schema with migrations and entities' },
  probe_health: { does: 'Ask the primary whether it answers, for health checks', noSpan: everySecond },
  probe_primary: { does: 'Read the position of the log of the primary', noSpan: everySecond },
  probe_replica: { does: 'Read the position that a replica has reached', noSpan: everySecond },
} as const satisfies Record<string, MaintenanceOperation>;

/** Span `pricing.NAME`, metric `volwatch_pricing_duration_seconds{operation="NAME"}`. */
export const pricingOperations = {
  price: { does: 'Price one option' },
  greeks: { does: 'Calculate the greeks of one option' },
  implied_volatility: { does: 'Find the volatility of one price' },
  batch: { does: 'Price a batch' },
  grid: { does: 'Value positions over a grid of shifts' },
  calibrate: { does: 'Fit the parameters of Heston to quotes' },
} as const satisfies Record<string, Described>;

/** Span `pricing.NAME_chunk`, metric `volwatch_pricing_chunk_duration_seconds{operation="NAME"}`. */
export const chunkOperations = {
  store: { does: 'Store a chunk of a pricing job' },
  price: { does: 'Price a chunk of a pricing job' },
} as const satisfies Record<string, Described>;

export type AuthOperationName = keyof typeof authOperations;
export type OperatorOperationName = keyof typeof operatorOperations;
export type MaintenanceOperationName = keyof typeof maintenanceOperations;
export type ChunkOperationName = keyof typeof chunkOperations;

export const namesOf = <Name extends string>(declared: Readonly<Record<Name, unknown>>): readonly Name[] =>
  Object.keys(declared) as Name[];

/** A row of the telemetry page. Exactly one of `span` and `noSpan` is there, and of `metric` and `noMetric`. */
export type Operation = Described & {
  readonly room: string;
  readonly name: string;
  readonly span?: string;
  readonly noSpan?: string;
  readonly metric?: string;
  /** The labels of `metric` by which the operation is found. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly noMetric?: string;
};

type Rule = Pick<Operation, 'span' | 'noSpan' | 'metric' | 'labels' | 'noMetric'>;

const rowsOf = <Details extends Described>(
  room: string,
  declared: Readonly<Record<string, Details>>,
  rule: (name: string, details: Details) => Rule,
): Operation[] =>
  Object.entries(declared).map(([name, details]) => ({ room, name, does: details.does, ...rule(name, details) }));

const changesNothing = 'it changes nothing, so the audit trail does not have it';
/** Units of work that only commands of operators begin. */
const operatorTransactions: ReadonlySet<string> = new Set(['auth.client', 'auth.operator', 'audit.verify']);
const ofCommand = 'only commands begin it, and their processes end before a scrape';
const inBackground = 'a timer begins it every few seconds, so its spans are suppressed';
const inRefresh = 'a step of `refresh.run`; its time is in the span';

/** Every operation of the service with its span and its metric. Tests compare this list with what is emitted. */
export const operations: readonly Operation[] = [
  ...rowsOf('auth', authOperations, (name) => ({
    span: `auth.${name}`,
    metric: 'volwatch_auth_duration_seconds',
    labels: { operation: name },
  })),
  ...rowsOf<OperatorOperation>('operator commands', operatorOperations, (name, { audited }) => ({
    span: `auth.${name}`,
    ...(audited === undefined
      ? { noMetric: changesNothing }
      : { metric: 'volwatch_operator_actions_total', labels: { action: audited } }),
  })),
  ...rowsOf<MaintenanceOperation>('database', maintenanceOperations, (name, { noSpan }) => ({
    ...(noSpan === undefined ? { span: `db.${name}` } : { noSpan }),
    metric: 'volwatch_db_maintenance_duration_seconds',
    labels: { operation: name },
  })),
  ...transactionOperations.map((name) => ({
    room: 'database',
    name,
    does: 'Run a unit of work',
    ...(name === 'auth.maintenance' ? { noSpan: inBackground } : { span: `db.transaction ${name}` }),
    ...(operatorTransactions.has(name)
      ? { noMetric: ofCommand }
      : { metric: 'volwatch_db_transaction_duration_seconds', labels: { operation: name } }),
  })),
  {
    room: 'database',
    name: 'statement',
    does: 'Run a statement',
    noSpan: 'the instrumentation of pg makes it, with the name `pg.query:OPERATION`',
    metric: 'db_client_operation_duration_seconds',
  },
  {
    room: 'database',
    name: 'connect',
    does: 'Obtain a connection from a pool',
    noSpan: 'every statement needs it, and the span around the statement has its time',
    metric: 'db_client_connection_wait_time_seconds',
  },
  ...rowsOf('pricing', pricingOperations, (name) => ({
    span: `pricing.${name}`,
    metric: 'volwatch_pricing_duration_seconds',
    labels: { operation: name },
  })),
  {
    room: 'pricing',
    name: 'forecast',
    does: 'Forecast the volatility of an asset',
    span: 'pricing.forecast',
    metric: 'volwatch_forecast_duration_seconds',
  },
  {
    room: 'pricing',
    name: 'worker',
    does: 'Run a task in a pricing process. The metric has the wait too, the span has it as an attribute',
    span: 'pricing.worker',
    metric: 'volwatch_workers_task_duration_seconds',
  },
  ...rowsOf('pricing-jobs', chunkOperations, (name) => ({
    span: `pricing.${name}_chunk`,
    metric: 'volwatch_pricing_chunk_duration_seconds',
    labels: { operation: name },
  })),
  {
    room: 'market-data',
    name: 'refresh',
    does: 'Refresh a universe',
    span: 'refresh.run',
    metric: 'volwatch_refresh_duration_seconds',
  },
  ...['fetch', 'read_upload', 'ensure_assets', 'store_prices', 'calculate_index_values'].map((name) => ({
    room: 'market-data',
    name,
    does: 'A step of a refresh',
    span: `refresh.${name}`,
    noMetric: inRefresh,
  })),
  {
    room: 'market-data',
    name: 'explain',
    does: 'Explain the value of an index. The metric also counts answers from the cache',
    span: 'index.explain',
    metric: 'http_server_request_duration_seconds',
    labels: { http_route: '/api/v1/indexes/{code}/explain' },
  },
  {
    room: 'market-data',
    name: 'warm_up',
    does: 'Read the pages of a universe into the cache after the start',
    span: 'cache.warm_up',
    noMetric: 'it happens once, and each read counts in `volwatch_cache_requests_total`',
  },
  ...jobQueues.map((queue) => ({
    room: 'jobs',
    name: queue,
    does: 'Run a job of the queue',
    span: `job ${queue}`,
    metric: 'volwatch_jobs_total',
    labels: { queue },
  })),
  {
    room: 'webhooks',
    name: 'deliver',
    does: 'Send a message to a webhook',
    span: 'webhook.deliver',
    metric: 'volwatch_webhook_delivery_duration_seconds',
  },
  {
    room: 'mail',
    name: 'deliver',
    does: 'Send a message to a user',
    span: 'mail.deliver',
    metric: 'volwatch_mail_messages_total',
  },
  {
    room: 'calendar',
    name: 'sync',
    does: 'Sync a calendar',
    span: 'calendar.sync',
    metric: 'volwatch_calendar_sync_duration_seconds',
  },
  {
    room: 'calendar',
    name: 'token_refresh',
    does: 'Refresh an access token of Google',
    span: 'calendar.token_refresh',
    metric: 'volwatch_calendar_token_refreshes_total',
  },
];
