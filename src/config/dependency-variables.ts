import { z } from 'zod';
import { sslModes } from '#src/kernel/connections/postgres-tls.ts';
import { postgresUrl, postgresUrls } from './connection-strings.ts';
import { redisUrl, redisUrls } from './redis-url.ts';
import { boolean, integer, milliseconds, oneOf } from './parsers.ts';
import { cron, schedules } from './schedule-parsers.ts';
import { secretText } from './text-parsers.ts';
import { optional, secret, variable } from './variable.ts';

/** Variables of dependencies and background work: database, jobs, webhooks, pricing processes, Redis. */
export const dependencySections = {
  Database: {
    DATABASE_URL: secret(
      postgresUrl,
      'URL of PostgreSQL, as libpq reads it ([forms](database.md#connection-strings)). Unset, outside production: the service starts an embedded PostgreSQL',
    ),
    DATABASE_REPLICA_URLS: secret(
      postgresUrls,
      'URLs of streaming replicas for reads, comma-separated. Unset: all reads go to the primary',
    ),
    DATABASE_REPLICA_MAX_LAG_MS: variable(milliseconds(), '5000', 'Max lag of a replica that is used for reads'),
    DATABASE_REPLICA_TIMEOUT_MS: variable(
      milliseconds(),
      '1000',
      'Timeout of a statement on a replica. After it the statement runs on the primary',
    ),
    DATABASE_REPLICA_CHECK_MS: variable(milliseconds(), '1000', 'Time between two checks of the replicas'),
    DATABASE_SSL: optional(
      oneOf(sslModes),
      '`require` encrypts; `verify-ca` also verifies the certificate of the server; `verify-full` also its name. Unset: `sslmode` of the URL decides, and without it there is no encryption, which production allows only on this machine',
    ),
    DATABASE_SCHEMA: variable(
      z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a name in lower case, without quotes'),
      'public',
      'Schema of the tables. `search_path` of the role is not used',
    ),
    DATABASE_MODE: variable(
      oneOf(['server', 'serverless']),
      'server',
      '`serverless`: for a database behind a transaction pooler; small pool, settings and locks in transactions',
    ),
    DATABASE_MIGRATE: variable(
      boolean,
      'true',
      'Whether the start runs pending migrations. If not, `npm run db:migrate` runs them',
    ),
    DATABASE_POOL_MAX: variable(
      integer(1, 1_000),
      '10',
      'Max connections of one process; at most 4 with DATABASE_MODE=serverless',
    ),
    DATABASE_WORKER_POOL_MAX: variable(integer(1, 1_000), '6', 'Max connections of one process with ROLE=worker'),
    DATABASE_SLOW_STATEMENT_MS: variable(milliseconds(), '500', 'Slower statements are logged without their literals'),
    DATABASE_ACQUIRE_TIMEOUT_MS: variable(
      milliseconds(),
      '1000',
      'Timeout for a connection of the pool, then 503 `database_pool_exhausted`',
    ),
    DATABASE_STATEMENT_TIMEOUT_MS: variable(
      milliseconds(),
      '5000',
      'Timeout of a statement, then 503 `database_timeout`',
    ),
    DATABASE_REFRESH_STATEMENT_TIMEOUT_MS: variable(
      milliseconds(),
      '60000',
      'Timeout of a statement of a refresh. It is longer, because a refresh writes many rows at once',
    ),
    DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: variable(
      milliseconds(),
      '10000',
      'PostgreSQL ends a transaction that was idle for this time',
    ),
    DATABASE_TRANSACTION_RETRIES: variable(
      integer(0, 20),
      '5',
      'Max retries after a serialization failure or deadlock, then 503 `database_conflict`',
    ),
  },
  Jobs: {
    ROLE: variable(
      oneOf(['all', 'api', 'worker']),
      'all',
      '`api` answers requests and runs no jobs; `worker` runs jobs and answers only health checks; `all` does both',
    ),
    REFRESH_SCHEDULES: variable(
      schedules,
      'tech5=0 5 * * *;sp500=0 5 * * *',
      'Time of the refresh of universes that say no `schedule` themselves: five-field cron in UTC that runs in each month',
    ),
    RETENTION_SCHEDULE: variable(cron, '30 3 * * *', 'Time when expired rows are removed: five-field cron in UTC'),
    QUALITY_SCHEDULE: variable(
      cron,
      '*/15 * * * *',
      'Time when the prices of universes are checked that were not checked since their last refresh or trading day: five-field cron in UTC',
    ),
    PRICES_EXPECTED_AFTER_HOURS: variable(
      integer(0, 720),
      '24',
      'Time after the end of a trading day after which its bars are expected',
    ),
    REFRESH_RETENTION_DAYS: variable(integer(1, 36_500), '90', 'Time that records of ended refreshes are stored'),
    PRICING_JOB_RETENTION_HOURS: variable(
      integer(1, 8_760),
      '24',
      'Time that a pricing job and its results are stored',
    ),
    JOBS_CONCURRENCY: variable(integer(1, 100), '2', 'Max jobs of one queue that one process runs at the same time'),
    JOBS_POLL_MS: variable(integer(500, 600_000), '1000', 'Time between two polls of an empty queue'),
    JOBS_RETRIES: variable(integer(0, 20), '3', 'Max retries of a failed job; after them it is dead'),
    JOBS_RETRY_DELAY_SECONDS: variable(
      integer(1, 3_600),
      '5',
      'Delay before the first retry. The max delay doubles with each further retry',
    ),
    JOBS_HEARTBEAT_SECONDS: variable(
      integer(10, 3_600),
      '20',
      'A worker without a heartbeat for this time counts as dead, and another worker runs its job',
    ),
  },
  Webhooks: {
    WEBHOOK_SECRET: secret(
      secretText(16),
      'Key from which the secrets of webhooks are derived. Unset: derived from the signing key, so that its rotation changes all secrets',
    ),
    WEBHOOK_PRIVATE_ADDRESSES: optional(
      boolean,
      'Whether receivers can be on loopback and private networks. Unset: only outside production',
    ),
    WEBHOOKS_PER_OWNER: variable(integer(1, 1_000), '10', 'Max webhooks of one user or client'),
    WEBHOOK_TIMEOUT_MS: variable(integer(1, 60_000), '10000', 'Timeout for the answer of a receiver'),
    WEBHOOK_CONCURRENCY: variable(
      integer(1, 100),
      '4',
      'Max deliveries of one process at the same time, beside those that take longer than a second',
    ),
    WEBHOOK_MAX_CONCURRENCY: variable(
      integer(1, 1_000),
      '64',
      'Max deliveries of one process at the same time, counting those that take longer than a second',
    ),
    WEBHOOK_RETRIES: variable(integer(0, 20), '8', 'Max retries of a failed delivery; after them it is given up'),
    WEBHOOK_RETRY_DELAY_SECONDS: variable(
      integer(1, 3_600),
      '10',
      'Delay before the first retry. The max delay doubles with each further retry',
    ),
    WEBHOOK_DISABLE_AFTER: variable(
      integer(1, 1_000),
      '5',
      'Number of consecutive deliveries given up after which a webhook is disabled',
    ),
    WEBHOOK_ROTATION_HOURS: variable(
      integer(0, 720),
      '24',
      'Time after a rotation in which deliveries are signed with both the old and the new secret',
    ),
    WEBHOOK_RETENTION_DAYS: variable(integer(1, 36_500), '30', 'Time that events and their deliveries are stored'),
  },
  Resilience: {
    PRICING_WORKERS: optional(
      integer(1, 128),
      'Number of processes for large batches and slow models. Unset: number of processors minus one, at least one',
    ),
    PRICING_LONG_WORKERS: optional(
      integer(1, 128),
      'Number of additional processes for work above PRICING_SHORT_MS and for pricing jobs, and of those for work above ten times PRICING_SHORT_MS. Unset: half of PRICING_WORKERS, rounded up',
    ),
    PRICING_SHORT_MS: variable(
      integer(10, 600_000),
      '500',
      'Work with a longer estimated duration runs in separate processes, so that short work does not wait for it',
    ),
    PRICING_WORKER_HEAP_MB: variable(
      integer(256, 65_536),
      '1536',
      'Max heap of one pricing process. A process that reaches it is replaced. An accepted batch needs less than half of the default',
    ),
    PRICING_QUEUE_LIMIT: variable(
      integer(0, 10_000),
      '256',
      'Max tasks that wait for a pricing process, then 503 `overloaded` for the callers with the most tasks. It must be above the number of networks of an attack, so that each has a place',
    ),
    PRICING_QUEUE_BYTES: variable(
      integer(1, 2 ** 40),
      '134217728',
      'Max bytes of the bodies of waiting tasks, then 503 `overloaded`. It must be larger than BATCH_BODY_LIMIT_BYTES',
    ),
    PRICING_CALLER_LIMIT: variable(
      integer(1, 10_000),
      '8',
      'Max tasks of one caller that wait or are in progress, then 429 `rate_limit_exceeded`',
    ),
    PRICING_JOB_CONCURRENCY: variable(
      integer(1, 100),
      '8',
      'Chunks of different owners that one process prices at a time, at most a quarter of them of one network; the pricing processes take turns between them',
    ),
    PRICING_JOB_CHUNK_MS: variable(
      integer(1_000, 86_400_000),
      '60000',
      'A chunk of a pricing job with a longer estimated duration fails with `pricing_work_too_large`',
    ),
    PRICING_STALL_MS: variable(
      integer(1_000, 600_000),
      '10000',
      'A pricing process without progress for this time plus the estimated time of one row is ended and replaced; up to six times as long while it waits for a processor',
    ),
    LOAD_LIMIT_PRICING: variable(integer(1, 100_000), '512', 'Max pricing requests in progress, then 503 `overloaded`'),
    LOAD_LIMIT_BATCH: variable(
      integer(1, 100_000),
      '64',
      'Max pricing batches in progress, then 503 `overloaded`. As many again, at most 64, for networks without one; so have the limits of the other classes',
    ),
    LOAD_LIMIT_READ: variable(integer(1, 100_000), '1024', 'Max reads in progress, then 503 `overloaded`'),
    LOAD_LIMIT_WRITE: variable(integer(1, 100_000), '256', 'Max other requests in progress, then 503 `overloaded`'),
    LOAD_LAG_MS: variable(
      milliseconds(),
      '300',
      'Max lag of the event loop, and max time for which a request waits to start while most wait so long; then pricing requests get 503 `overloaded`. The limit of reads and writes is four times as high',
    ),
    IDEMPOTENCY_TTL_HOURS: variable(integer(1, 720), '24', 'Time that the answer to an `Idempotency-Key` is stored'),
    IDEMPOTENCY_LEASE_MS: variable(
      integer(100, 600_000),
      '10000',
      'Lease of a request with an `Idempotency-Key`. A request that does not renew its lease counts as dead, and a retry can run',
    ),
  },
  Redis: {
    REDIS_URL: secret(
      redisUrl,
      'URL of Redis; `rediss://` encrypts and checks the certificate. Unset, outside production: limits and caches are stored in the process. With Sentinel: user, password, database number and scheme of the servers; its host is not used',
    ),
    REDIS_URLS: secret(
      redisUrls,
      'URLs of some nodes of a Redis Cluster, comma-separated, with the same user, password and scheme. Replaces REDIS_URL',
    ),
    REDIS_SENTINEL_URLS: secret(
      redisUrls,
      'URLs of the sentinels, comma-separated, with the user and password of the sentinels. The primary server is found through them',
    ),
    REDIS_SENTINEL_GROUP: variable(
      z.string().regex(/^[\w.-]+$/, 'must be letters, digits, `_`, `.` and `-`'),
      'mymaster',
      'Name of the group of servers that the sentinels watch',
    ),
    REDIS_ALLOW_PLAIN: variable(
      boolean,
      'false',
      'Whether production can use Redis without encryption (`redis://`) beyond this machine',
    ),
    REDIS_COMMAND_TIMEOUT_MS: variable(milliseconds(), '200', 'Timeout of a Redis command'),
    CACHE_TTL_SECONDS: variable(
      integer(0, 86_400),
      '60',
      'TTL of a cached answer. A refresh invalidates it immediately. 0: no cache',
    ),
    CACHE_STALE_SECONDS: variable(
      integer(0, 2_592_000),
      '86400',
      'Time after the TTL in which an outdated answer can still be used, and is marked as stale, if loading a newer one fails',
    ),
    CACHE_MEMORY_BYTES: variable(
      integer(0, 2 ** 32),
      '33554432',
      'Max bytes of cached answers in the memory of one process, for the time when Redis is down',
    ),
    CACHE_REDIS_BYTES: variable(
      integer(0, 2 ** 40),
      '67108864',
      'Max bytes of cached answers in Redis, in all nodes of a cluster together. Half is for prices, a quarter for data of providers, an eighth each for index values and explanations. The oldest answers make room for new ones. Set it to a quarter of `maxmemory` or less, because limits are counted in the same memory',
    ),
  },
} as const;
