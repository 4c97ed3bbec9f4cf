import { z } from 'zod';
import { boolean, integer, milliseconds, oneOf, text, url } from './parsers.ts';
import { optional, secret, variable } from './variable.ts';

/** Who may do what, where prices come from, and what is told of it all. */
export const featureSections = {
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
    OWNER_CACHE_MS: variable(
      integer(0, 60_000),
      '1000',
      'How long what a user or client holds is remembered: the delay until a deleted or disabled owner is refused',
    ),
    JWT_FOREIGN_USERS: variable(
      boolean,
      'true',
      '`true`: access tokens of users that never had an account here are accepted; `false`: each user needs an account',
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
