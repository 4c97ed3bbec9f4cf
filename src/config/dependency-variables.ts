import { z } from 'zod';
import { cronShape, boolean, integer, list, milliseconds, oneOf, schedules, url } from './parsers.ts';
import { optional, secret, variable } from './variable.ts';

/** What the service stands on and how long it waits for it: database, jobs, deliveries, workers, Redis. */
export const dependencySections = {
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
      'Processes for large batches and slow models. Unset: one for each processor but one, at least one',
    ),
    PRICING_LONG_WORKERS: optional(
      integer(1, 128),
      'Further processes, for work above PRICING_SHORT_MS and for pricing jobs. Unset: half of PRICING_WORKERS, rounded up',
    ),
    PRICING_SHORT_MS: variable(
      integer(10, 600_000),
      '500',
      'Estimated duration above which work is long: it is done by processes of its own, so that short work does not wait for it',
    ),
    PRICING_WORKER_HEAP_MB: variable(
      integer(256, 65_536),
      '1536',
      'Max heap of one such process. A batch that is accepted needs less than half of the default; a process that reaches it is replaced',
    ),
    PRICING_QUEUE_LIMIT: variable(
      integer(0, 10_000),
      '32',
      'Tasks that wait for such a process, then 503 `overloaded` for the callers who use the most',
    ),
    PRICING_QUEUE_BYTES: variable(
      integer(1, 2 ** 40),
      '134217728',
      'Bytes of the bodies of waiting tasks, then as above; keep it above BATCH_BODY_LIMIT_BYTES',
    ),
    PRICING_CALLER_LIMIT: variable(
      integer(1, 10_000),
      '8',
      'Tasks of one caller that wait or are in progress, then 429 `rate_limit_exceeded`',
    ),
    PRICING_JOB_CONCURRENCY: variable(
      integer(1, 100),
      '8',
      'Chunks of different owners that one process prices at a time; the pricing processes take turns between them',
    ),
    PRICING_JOB_CHUNK_MS: variable(
      integer(1_000, 86_400_000),
      '60000',
      'Estimated duration above which a chunk of a pricing job fails with `pricing_work_too_large`',
    ),
    PRICING_STALL_MS: variable(
      integer(1_000, 600_000),
      '10000',
      'A process that does not get on for this long, beside the estimated time of one row, is ended and replaced',
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
} as const;
