import { z } from 'zod';
import {
  cronShape,
  boolean,
  integer,
  isNetwork,
  list,
  milliseconds,
  oneOf,
  points,
  schedules,
  text,
  url,
} from './parsers.ts';

/**
 * Every environment variable of the service, in the order of docs/configuration.md, which is generated from this file.
 * An empty value counts as unset.
 */

type Variable<Schema extends z.ZodType> = {
  readonly schema: Schema;
  /** What an unset variable means, as it would be written in the environment. */
  readonly fallback: string | undefined;
  readonly help: string;
  /** Never printed. */
  readonly secret?: true;
};
const variable = <Schema extends z.ZodType>(schema: Schema, fallback: string, help: string): Variable<Schema> => ({
  schema,
  fallback,
  help,
});
const optional = <Schema extends z.ZodType>(schema: Schema, help: string): Variable<z.ZodOptional<Schema>> => ({
  schema: schema.optional(),
  fallback: undefined,
  help,
});
const secret = <Schema extends z.ZodType>(schema: Schema, help: string): Variable<z.ZodOptional<Schema>> => ({
  ...optional(schema, help),
  secret: true,
});

export const configSections = {
  Service: {
    NODE_ENV: variable(
      oneOf(['development', 'test', 'production']),
      'development',
      'Production refuses every laptop-only default',
    ),
    HOST: variable(text, '127.0.0.1', 'Address that the API listens on'),
    PORT: variable(integer(0, 65_535), '3000', 'Port of the API; 0 picks a free one'),
    METRICS_HOST: variable(text, '127.0.0.1', 'Address of the admin port: keep it private'),
    METRICS_PORT: variable(
      integer(0, 65_535),
      '9464',
      'Port of `/metrics` and the operator routes; 0 picks a free one',
    ),
    VOLWATCH_DIRECTORY: variable(text, '.volwatch', 'Where a laptop run keeps its database and its signing key'),
    PUBLIC_URL: optional(
      url('http:', 'https:'),
      'Where clients reach the API, for absolute addresses in metadata; unset: HOST and PORT',
    ),
    GIT_COMMIT: variable(text, 'unknown', 'The commit that was built, for `volwatch_build_info`'),
    SHUTDOWN_GRACE_MS: variable(milliseconds(), '15000', 'How long a stopping process waits for requests in progress'),
    SHUTDOWN_REFRESH_GRACE_MS: variable(
      integer(0, 600_000),
      '5000',
      'How long a refresh may go on in a stopping process before it is rolled back; keep it below SHUTDOWN_GRACE_MS',
    ),
    SHUTDOWN_DRAIN_MS: variable(
      integer(0, 600_000),
      '500',
      'How long a stopping process still accepts requests, `/health/ready` being 503: give the balancer time to see it',
    ),
    LOG_LEVEL: variable(oneOf(['debug', 'info', 'warn', 'error', 'silent']), 'info', 'Lowest level written to stdout'),
  },
  'The edge': {
    BODY_LIMIT_BYTES: variable(integer(1, 2 ** 30), '65536', 'Largest request body, after decompression'),
    BATCH_BODY_LIMIT_BYTES: variable(integer(1, 2 ** 30), '67108864', 'Largest body of a pricing batch'),
    JSON_DEPTH_LIMIT: variable(integer(1, 1_000), '20', 'Deepest nesting of a JSON body, then 400 `malformed_body`'),
    URL_LIMIT_BYTES: variable(integer(1, 65_536), '8192', 'Longest request target, then 414 `uri_too_long`'),
    QUERY_PARAMETER_LIMIT: variable(integer(1, 10_000), '50', 'Most names in a query or form'),
    HEADER_LIMIT_BYTES: variable(
      integer(1_024, 1_048_576),
      '16384',
      'Largest header section, request target included, then 431 `headers_too_large`',
    ),
    HEADER_COUNT_LIMIT: variable(integer(1, 2_000), '100', 'Most header fields of a request, then 431'),
    HEADERS_TIMEOUT_MS: variable(milliseconds(), '10000', 'A client must have sent its headers by then'),
    REQUEST_TIMEOUT_MS: variable(milliseconds(), '30000', 'A client must have sent its whole request by then'),
    REQUEST_DEADLINE_MS: variable(milliseconds(), '30000', 'Then the work for a request is given up'),
    KEEP_ALIVE_TIMEOUT_MS: variable(
      milliseconds(),
      '65000',
      "An idle connection is closed after this; keep it above the balancer's own",
    ),
    TRUSTED_PROXIES: variable(
      list.refine((entries) => entries.every(isNetwork), 'must list addresses or CIDRs'),
      '',
      'Addresses or CIDRs whose `X-Forwarded-For` is believed, comma-separated',
    ),
    CORS_ORIGINS: variable(list, '', 'Origins that browsers may call from, comma-separated'),
  },
  'Rate limits': {
    RATE_LIMIT_ENABLED: variable(boolean, 'true', '`false` lifts every limit, login throttling included'),
    RATE_LIMIT_IP_PER_MINUTE: variable(
      points,
      '100',
      'Requests of one address to public routes, and refused credentials',
    ),
    RATE_LIMIT_USER_PER_MINUTE: variable(points, '300', 'Requests of one user'),
    RATE_LIMIT_CLIENT_PER_MINUTE: variable(points, '600', 'Requests of one OAuth client'),
    RATE_LIMIT_API_KEY_PER_MINUTE: variable(points, '600', 'Requests with one API key'),
    RATE_LIMIT_LOGIN_PER_MINUTE: variable(points, '30', 'Sign-ins and registrations of one address'),
    RATE_LIMIT_ACCOUNT_ATTEMPTS: variable(points, '10', 'Wrong passwords in a row for one account in a window'),
    RATE_LIMIT_ACCOUNT_WINDOW_SECONDS: variable(integer(1, 86_400), '900', 'That window'),
  },
  Database: {
    DATABASE_URL: secret(
      url('postgres:', 'postgresql:'),
      'PostgreSQL. Unset, outside production: the service runs its own',
    ),
    DATABASE_REPLICA_URLS: secret(
      list.refine(
        (urls) => urls.every((each) => /^postgres(ql)?:$/.test(URL.parse(each)?.protocol ?? '')),
        'must list URLs starting with postgres://',
      ),
      'Streaming replicas for reads, comma-separated; unset: the primary answers everything',
    ),
    DATABASE_REPLICA_MAX_LAG_MS: variable(milliseconds(), '5000', 'A replica further behind is not read from'),
    DATABASE_REPLICA_TIMEOUT_MS: variable(
      milliseconds(),
      '1000',
      'Longest statement on a replica, then the primary is asked',
    ),
    DATABASE_REPLICA_CHECK_MS: variable(milliseconds(), '1000', 'Time between two looks at the replicas'),
    DATABASE_SSL: variable(
      oneOf(['disable', 'require', 'verify-full']),
      'disable',
      "`require` encrypts; `verify-full` also checks the server's certificate and name",
    ),
    DATABASE_MODE: variable(
      oneOf(['server', 'serverless']),
      'server',
      '`serverless`: behind a transaction pooler; a small pool, nothing set on sessions, locks live in transactions',
    ),
    DATABASE_MIGRATE: variable(
      boolean,
      'true',
      'Whether a start runs the migrations that are missing; otherwise `npm run db:migrate` does',
    ),
    DATABASE_POOL_MAX: variable(integer(1, 1_000), '10', 'Connections of one process; at most 4 when serverless'),
    DATABASE_WORKER_POOL_MAX: variable(integer(1, 1_000), '6', 'Connections of one process with ROLE=worker'),
    DATABASE_SLOW_STATEMENT_MS: variable(
      milliseconds(),
      '500',
      'A statement that takes longer is logged, without its literals',
    ),
    DATABASE_ACQUIRE_TIMEOUT_MS: variable(
      milliseconds(),
      '1000',
      'Longest wait for a connection, then 503 `database_pool_exhausted`',
    ),
    DATABASE_STATEMENT_TIMEOUT_MS: variable(milliseconds(), '5000', 'Longest statement, then 503 `database_timeout`'),
    DATABASE_REFRESH_STATEMENT_TIMEOUT_MS: variable(
      milliseconds(),
      '60000',
      'Longest statement of a refresh, whose bulk writes outlast a request',
    ),
    DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: variable(
      milliseconds(),
      '10000',
      'PostgreSQL ends a transaction that is idle for this long',
    ),
    DATABASE_TRANSACTION_RETRIES: variable(
      integer(0, 20),
      '5',
      'Repetitions after a serialization failure or deadlock, then 503 `database_conflict`',
    ),
  },
  Jobs: {
    ROLE: variable(
      oneOf(['all', 'api', 'worker']),
      'all',
      '`api` answers and leaves jobs to others, `worker` does jobs and answers about its health alone',
    ),
    REFRESH_SCHEDULES: variable(
      schedules,
      'tech5=0 5 * * *;sp500=0 5 * * *',
      'When each universe is refreshed: five-field cron in UTC; unset names are refreshed on request only',
    ),
    RETENTION_SCHEDULE: variable(
      z.string().regex(cronShape, 'must be a five-field cron'),
      '30 3 * * *',
      'When expired rows are removed, in UTC',
    ),
    REFRESH_RETENTION_DAYS: variable(integer(1, 36_500), '90', 'Ended refresh records are kept for this long'),
    PRICING_JOB_RETENTION_HOURS: variable(
      integer(1, 8_760),
      '24',
      'A pricing job and its results are kept for this long',
    ),
    JOBS_CONCURRENCY: variable(integer(1, 100), '2', 'Jobs of one queue that one process does at a time'),
    JOBS_POLL_MS: variable(integer(500, 600_000), '1000', 'Time between two looks into an empty queue'),
    JOBS_RETRIES: variable(integer(0, 20), '3', 'Repetitions of a failed job before it is put among the dead'),
    JOBS_RETRY_DELAY_SECONDS: variable(
      integer(1, 3_600),
      '5',
      'Wait before the first repetition; each further one waits up to twice as long',
    ),
    JOBS_HEARTBEAT_SECONDS: variable(
      integer(10, 3_600),
      '20',
      'A worker silent for this long is dead, and another does its job',
    ),
  },
  Webhooks: {
    WEBHOOK_SECRET: secret(
      z.string().min(16, 'must have at least 16 characters'),
      "Key that the webhooks' secrets are derived from; unset: derived from the signing key, whose rotation then changes them all",
    ),
    WEBHOOK_PRIVATE_ADDRESSES: optional(
      boolean,
      'Whether receivers may be on loopback and private networks; unset: outside production only',
    ),
    WEBHOOKS_PER_OWNER: variable(integer(1, 1_000), '10', 'Most webhooks of one user or client'),
    WEBHOOK_TIMEOUT_MS: variable(integer(1, 60_000), '10000', 'A receiver must have answered by then'),
    WEBHOOK_CONCURRENCY: variable(integer(1, 100), '4', 'Deliveries that one process makes at a time'),
    WEBHOOK_RETRIES: variable(integer(0, 20), '8', 'Repetitions of a failed delivery before it is given up'),
    WEBHOOK_RETRY_DELAY_SECONDS: variable(
      integer(1, 3_600),
      '10',
      'Wait before the first repetition; each further one waits up to twice as long',
    ),
    WEBHOOK_DISABLE_AFTER: variable(
      integer(1, 1_000),
      '5',
      'Deliveries given up one after the other, after which a webhook is disabled',
    ),
    WEBHOOK_ROTATION_HOURS: variable(
      integer(0, 720),
      '24',
      'How long after its rotation the secret before signs beside the new one',
    ),
    WEBHOOK_RETENTION_DAYS: variable(integer(1, 36_500), '30', 'Events and their deliveries are kept for this long'),
  },
  Resilience: {
    PRICING_WORKERS: optional(
      integer(1, 128),
      'Threads for large batches and slow models. Unset: one for each processor but one, at least one',
    ),
    PRICING_QUEUE_LIMIT: variable(
      integer(0, 10_000),
      '32',
      'Batches that wait for such a thread, then 503 `overloaded`',
    ),
    PRICING_STALL_MS: variable(
      integer(1_000, 600_000),
      '10000',
      'A pricing thread that does not get on for this long is ended and replaced',
    ),
    LOAD_LIMIT_PRICING: variable(integer(1, 100_000), '512', 'Pricing requests in progress, then 503 `overloaded`'),
    LOAD_LIMIT_BATCH: variable(integer(1, 100_000), '16', 'Pricing batches in progress, then 503 `overloaded`'),
    LOAD_LIMIT_READ: variable(integer(1, 100_000), '1024', 'Reads in progress, then 503 `overloaded`'),
    LOAD_LIMIT_WRITE: variable(integer(1, 100_000), '256', 'Other requests in progress, then 503 `overloaded`'),
    LOAD_LAG_MS: variable(
      milliseconds(),
      '300',
      'How late the event loop may run before pricing is 503 `overloaded`; reads and writes bear four times as much',
    ),
    IDEMPOTENCY_TTL_HOURS: variable(integer(1, 720), '24', 'How long the answer to an `Idempotency-Key` is remembered'),
    IDEMPOTENCY_LEASE_MS: variable(
      integer(100, 600_000),
      '10000',
      'After this long without a sign of life, a request under an `Idempotency-Key` is taken to have died',
    ),
  },
  Redis: {
    REDIS_URL: secret(
      url('redis:', 'rediss:'),
      'Redis. Unset, outside production: limits and caches live in the process',
    ),
    REDIS_COMMAND_TIMEOUT_MS: variable(milliseconds(), '200', 'Longest wait for a Redis command'),
    CACHE_TTL_SECONDS: variable(
      integer(0, 86_400),
      '60',
      'How long a cached answer is fresh; a refresh outdates it at once. 0: nothing is cached',
    ),
    CACHE_STALE_SECONDS: variable(
      integer(0, 2_592_000),
      '86400',
      'How much longer an outdated answer is kept, to be given (and marked) while nothing newer can be had',
    ),
    CACHE_MEMORY_BYTES: variable(
      integer(0, 2 ** 32),
      '33554432',
      'What one process keeps in its own memory, for when Redis is away',
    ),
  },
  Authentication: {
    JWT_PRIVATE_KEY: secret(
      text,
      'PKCS#8 PEM of the signing key, with real or `\\n` line ends. Unset, outside production: one is made',
    ),
    JWT_PUBLIC_KEYS: optional(text, 'Further verifying keys: concatenated SPKI PEMs or a JWKS'),
    JWT_ISSUER: variable(text, 'https://volwatch.local', '`iss` of access tokens'),
    JWT_AUDIENCE: variable(text, 'volwatch-api', '`aud` of access tokens'),
    JWT_CLOCK_TOLERANCE_SECONDS: variable(integer(0, 300), '1', 'Clock difference forgiven when a token is checked'),
    ACCESS_TOKEN_EXPIRE_MINUTES: variable(integer(1, 1_440), '15', 'Life of an access token'),
    REFRESH_TOKEN_EXPIRE_DAYS: variable(integer(1, 365), '30', 'From a sign-in to the last refresh of its tokens'),
    REVOCATION_POLL_MS: variable(
      integer(50, 60_000),
      '1000',
      'How soon a token revoked on one instance is refused by the others when Redis is away',
    ),
    SESSION_EXPIRE_HOURS: variable(integer(1, 720), '12', 'Life of a cookie session, however busy it is'),
    SESSION_IDLE_MINUTES: variable(integer(1, 43_200), '60', 'A cookie session that is not used for so long ends'),
    PASSWORD_MIN_LENGTH: variable(integer(8, 64), '8', 'Shortest password, in characters; NIST recommends 15'),
    PASSWORD_HASH_MEMORY_KIB: variable(integer(7_168, 1_048_576), '19456', 'Memory of one argon2id hash'),
    PASSWORD_HASH_PASSES: variable(integer(1, 20), '2', 'Passes of argon2id over it'),
    PASSWORD_HASH_PARALLELISM: variable(integer(1, 16), '1', 'Lanes of argon2id'),
    PASSWORD_HASH_CONCURRENCY: variable(
      integer(1, 64),
      '2',
      'Passwords hashed at once; keep it below UV_THREADPOOL_SIZE (4), which verifying tokens needs too',
    ),
    PASSWORD_HASH_QUEUE: variable(integer(0, 10_000), '64', 'Sign-ins that may wait for it, then 503 `overloaded`'),
    API_KEYS_PER_OWNER: variable(integer(1, 10_000), '50', 'Most living API keys of one user or client'),
    API_KEY_SECRET: secret(
      z.string().min(16, 'must have at least 16 characters'),
      'Key of the stored digests of API keys; unset: derived from the signing key, whose rotation then ends every API key',
    ),
    AUTH_USAGE_FLUSH_MS: variable(milliseconds(), '10000', 'How often the last uses of keys and sessions are written'),
    AUTH_CLEANUP_MINUTES: variable(integer(1, 1_440), '10', 'How often ended tokens and sessions are deleted'),
    BOOTSTRAP_CLIENT_ID: optional(text, 'A client that exists from the first start, with every scope'),
    BOOTSTRAP_CLIENT_SECRET: secret(z.string().min(8, 'must have at least 8 characters'), 'Its secret'),
    CURSOR_SECRET: secret(
      z.string().min(16, 'must have at least 16 characters'),
      "Key of the cursors' integrity; unset: derived from the signing key",
    ),
  },
  'Market data': {
    MARKET_DATA_PROVIDER: variable(
      oneOf(['sample', 'twelve_data']),
      'sample',
      'Where prices come from; `sample` is the bundled public data',
    ),
    TWELVE_DATA_API_KEY: secret(text, 'Key of api.twelvedata.com; required with `twelve_data`'),
    TWELVE_DATA_BASE_URL: variable(url('http:', 'https:'), 'https://api.twelvedata.com', 'Where its API is'),
    TWELVE_DATA_CREDITS_PER_MINUTE: variable(
      integer(1, 100_000),
      '8',
      'What the account may spend, over all processes: one for each symbol of a request',
    ),
    PROVIDER_TIMEOUT_MS: variable(
      milliseconds(),
      '10000',
      'Longest wait for the provider, repetitions included; one attempt has a fair share of it',
    ),
    PROVIDER_RETRIES: variable(integer(0, 10), '2', 'Repetitions of a request to the provider that may succeed later'),
    BREAKER_FAILURES: variable(integer(1, 1_000), '5', 'Consecutive failures of a dependency that open its circuit'),
    BREAKER_RESET_MS: variable(milliseconds(), '30000', 'How long an open circuit waits before one call may try'),
    PRICE_QUARANTINE_FACTOR: variable(
      integer(2, 1_000_000),
      '5',
      'A price that moves by more than this factor, up or down, is held back and reported',
    ),
    REFRESH_STALE_AFTER_HOURS: variable(
      integer(1, 8_760),
      '24',
      'At start, a universe not refreshed for this long is refreshed',
    ),
  },
  Telemetry: {
    TELEMETRY_ENABLED: variable(
      boolean,
      'true',
      'Spans and metrics; `/metrics` keeps build and process metrics when off',
    ),
    OTEL_SERVICE_NAME: variable(text, 'volwatch', 'Standard OpenTelemetry'),
    OTEL_EXPORTER_OTLP_ENDPOINT: optional(
      url('http:', 'https:'),
      'Standard OpenTelemetry; unset with the next one: nothing is exported',
    ),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(url('http:', 'https:'), 'Standard OpenTelemetry'),
    OTEL_TRACES_SAMPLER: variable(
      oneOf([
        'always_on',
        'always_off',
        'traceidratio',
        'parentbased_always_on',
        'parentbased_always_off',
        'parentbased_traceidratio',
      ]),
      'parentbased_always_on',
      'Standard OpenTelemetry',
    ),
    OTEL_TRACES_SAMPLER_ARG: optional(
      z
        .string()
        .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be from 0 to 1')
        .transform(Number),
      'Standard OpenTelemetry: the sampled share',
    ),
    FAULT_INJECTION: variable(boolean, 'false', 'Fault points on the admin port; refused in production'),
  },
} as const;

type Sections = typeof configSections;
type Variables = { [Section in keyof Sections]: Sections[Section] }[keyof Sections];
type UnionToIntersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;
type AllVariables = UnionToIntersection<Variables>;

export type Config = {
  readonly [Name in keyof AllVariables]: AllVariables[Name] extends { readonly schema: infer Schema extends z.ZodType }
    ? z.output<Schema>
    : never;
};

export const configVariables: Readonly<Record<string, Variable<z.ZodType>>> = Object.assign(
  {},
  ...Object.values(configSections),
) as Record<string, Variable<z.ZodType>>;
