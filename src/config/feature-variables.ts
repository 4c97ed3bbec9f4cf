import { boolean, integer, milliseconds, oneOf, url } from './parsers.ts';
import { roles } from './authentication/role-parser.ts';
import { privateKey, publicKeys, secretText, text } from './text-parsers.ts';
import { optional, secret, variable } from './variable.ts';

/** Variables of authentication, market data and telemetry. */
export const featureSections = {
  Authentication: {
    JWT_PRIVATE_KEY: secret(
      privateKey,
      'PKCS#8 PEM of the signing key, with real or `\\n` line ends. Unset, outside production: a key is generated',
    ),
    JWT_PUBLIC_KEYS: optional(
      publicKeys,
      'Additional keys for verification: concatenated SPKI PEMs or a JWKS. Keys that cannot verify RS256 or EdDSA signatures are ignored',
    ),
    JWT_ISSUER: optional(text, '`iss` of access tokens. Unset: PUBLIC_URL, and without it `https://volwatch.local`'),
    JWT_AUDIENCE: variable(text, 'volwatch-api', '`aud` of access tokens'),
    JWT_CLOCK_TOLERANCE_SECONDS: variable(
      integer(0, 300),
      '1',
      'Max clock difference that is accepted when a token is checked',
    ),
    ACCESS_TOKEN_EXPIRE_MINUTES: variable(integer(1, 1_440), '15', 'Lifetime of an access token'),
    REFRESH_TOKEN_EXPIRE_DAYS: variable(
      integer(1, 365),
      '30',
      'Time after a sign-in in which its tokens can be refreshed',
    ),
    REVOCATION_POLL_MS: variable(
      integer(50, 60_000),
      '1000',
      'Time until a revoked token is refused by the other instances while Redis is down',
    ),
    ROLES: variable(
      roles,
      '{"user":[],"auditor":["audit:read"],"operator":["ml:read","market:refresh","market:manage"],"admin":["market:refresh","market:manage","ml:read","audit:read","users:admin"]}',
      'Scopes of each role as a JSON object. A user holds the scopes of the role and those of the account; each account begins with the role `user` and the scope `ml:read`',
    ),
    OWNER_CACHE_MS: variable(
      integer(0, 60_000),
      '1000',
      'Time that state and scopes of a user or client, and the settings and presets of a user, are cached. A deleted or disabled owner is refused after this time',
    ),
    JWT_FOREIGN_USERS: variable(
      boolean,
      'false',
      '`false`: a token of a user without an account here is refused with `token_user_unknown`; `true`: it is accepted',
    ),
    SESSION_EXPIRE_HOURS: variable(integer(1, 720), '12', 'Max lifetime of a cookie session'),
    SESSION_IDLE_MINUTES: variable(integer(1, 43_200), '60', 'A cookie session ends if it is not used for this time'),
    SESSION_COOKIE_SAMESITE: variable(
      oneOf(['strict', 'lax', 'none']),
      'strict',
      '`SameSite` of the session cookie. `none`: pages of CORS_ORIGINS on other sites can use sessions; it needs CORS_ORIGINS',
    ),
    SECOND_FACTOR_TIMEOUT_SECONDS: variable(
      integer(30, 3_600),
      '300',
      'Time after the password in which the code of the second factor must arrive',
    ),
    SECOND_FACTOR_MAX_FAILURES: variable(
      integer(10, 1_000),
      '100',
      'Wrong codes of an authenticator in a row after which only a recovery code is accepted',
    ),
    RECENT_SIGN_IN_MINUTES: variable(
      integer(1, 1_440),
      '15',
      'Max age of a sign-in that can add or remove a second factor',
    ),
    PASSWORD_MIN_LENGTH: variable(integer(8, 64), '8', 'Min length of a password in characters; NIST recommends 15'),
    PASSWORD_HASH_MEMORY_KIB: variable(integer(7_168, 1_048_576), '19456', 'Memory of argon2id for one hash'),
    PASSWORD_HASH_PASSES: variable(integer(1, 20), '2', 'Passes of argon2id over its memory'),
    PASSWORD_HASH_PARALLELISM: variable(integer(1, 16), '1', 'Parallel lanes of argon2id'),
    PASSWORD_HASH_CONCURRENCY: variable(
      integer(1, 64),
      '2',
      'Max passwords that are hashed at the same time. It must be below UV_THREADPOOL_SIZE (4), because the verification of tokens needs threads too',
    ),
    PASSWORD_HASH_QUEUE: variable(
      integer(0, 10_000),
      '64',
      'Max sign-ins that wait for password hashing, then 503 `overloaded`',
    ),
    PRICING_PRESETS_PER_USER: variable(integer(0, 200), '20', 'Max pricing presets of one user'),
    API_KEYS_PER_OWNER: variable(integer(1, 10_000), '50', 'Max API keys of one user or client that are not revoked'),
    API_KEY_ROTATION_HOURS: variable(
      integer(0, 720),
      '24',
      'Time after a rotation in which the old API key is valid too, if the request names none',
    ),
    API_KEY_SECRET: secret(
      secretText(16),
      'Key of the stored digests of API keys. Unset: derived from the signing key, so that its rotation invalidates every API key',
    ),
    AUTH_USAGE_FLUSH_MS: variable(
      milliseconds(),
      '10000',
      'Time between two writes of the last use of keys and sessions, and of the numbers of refusals',
    ),
    AUTH_CLEANUP_MINUTES: variable(integer(1, 1_440), '10', 'Time between two deletions of ended tokens and sessions'),
    BOOTSTRAP_CLIENT_ID: optional(text, 'Id of a client with every scope that exists from the first start'),
    BOOTSTRAP_CLIENT_SECRET: secret(secretText(8), 'Secret of the client BOOTSTRAP_CLIENT_ID'),
    CURSOR_SECRET: secret(secretText(16), 'Key of the signatures of page cursors. Unset: derived from the signing key'),
  },
  'Market data': {
    MARKET_DATA_PROVIDER: variable(
      oneOf(['sample', 'twelve_data', 'tiingo']),
      'sample',
      'Source of market prices for universes with the source `provider`. `sample`: public data that is part of the project',
    ),
    TWELVE_DATA_API_KEY: secret(
      text,
      'API key for api.twelvedata.com, for universes with the source `twelve_data`; required with MARKET_DATA_PROVIDER=twelve_data',
    ),
    TWELVE_DATA_BASE_URL: variable(url('http:', 'https:'), 'https://api.twelvedata.com', 'URL of the Twelve Data API'),
    TWELVE_DATA_CREDITS_PER_MINUTE: variable(
      integer(1, 100_000),
      '8',
      'Max credits per minute of the Twelve Data account, for all processes together. Each symbol of a request costs one credit',
    ),
    TIINGO_API_KEY: secret(
      text,
      'API key for api.tiingo.com, for universes with the source `tiingo`; required with MARKET_DATA_PROVIDER=tiingo',
    ),
    TIINGO_BASE_URL: variable(url('http:', 'https:'), 'https://api.tiingo.com', 'URL of the Tiingo API'),
    TIINGO_REQUESTS_PER_HOUR: variable(
      integer(1, 1_000_000),
      '50',
      'Max requests per hour of the Tiingo account, for all processes together. Each symbol costs one request',
    ),
    PROVIDER_TIMEOUT_MS: variable(
      milliseconds(),
      '10000',
      'Timeout of a call to the provider, including retries. The timeout of one attempt is this time divided by the number of attempts',
    ),
    PROVIDER_RETRIES: variable(integer(0, 10), '2', 'Max retries of a request to the provider after a temporary error'),
    BREAKER_FAILURES: variable(integer(1, 1_000), '5', 'Consecutive failures of a dependency that open its circuit'),
    BREAKER_RESET_MS: variable(
      milliseconds(),
      '30000',
      'Time that a circuit stays open before one call is let through as a probe',
    ),
    PRICE_QUARANTINE_FACTOR: variable(
      integer(2, 1_000_000),
      '5',
      'A price that changes by more than this factor, up or down, is quarantined and reported',
    ),
    PRICE_HISTORY_DAYS: variable(
      integer(0, 3_650),
      '7',
      'A refresh asks for the whole history of a series this many days after it did so last; the refreshes between ask for new bars and an overlap of 10 bars. 0: each refresh asks for the whole history',
    ),
    REFRESH_FETCH_TIMEOUT_MS: variable(
      milliseconds(86_400_000),
      '3600000',
      'Timeout of the fetch of all series of a universe, with the time that it waits for request credits',
    ),
    REFRESH_APPLY_TIMEOUT_MS: variable(
      milliseconds(86_400_000),
      '1800000',
      'Timeout of the transaction that stores the prices of a refresh and calculates its indexes. An upload has UPLOAD_TIMEOUT_MS if that is longer',
    ),
    UNIVERSES_FILE: optional(
      text,
      'YAML or JSON file with universes by name. It is read at the start and on SIGHUP; its universes cannot be changed through the API',
    ),
    UNIVERSES_MAX: variable(integer(1, 10_000), '100', 'Max universes'),
    UNIVERSE_ASSETS_MAX: variable(
      integer(1, 100_000),
      '10000',
      'Max assets of a universe. By the API JSON_ITEMS_LIMIT and JSON_VALUES_LIMIT hold too; for UNIVERSES_FILE they do not',
    ),
    UNIVERSE_INDEXES_MAX: variable(integer(1, 1_000), '50', 'Max indexes of a universe'),
    REFRESH_STALE_AFTER_HOURS: variable(
      integer(1, 8_760),
      '24',
      'At the start, a universe is refreshed if its last refresh is older than this',
    ),
  },
  Telemetry: {
    TELEMETRY_ENABLED: variable(
      boolean,
      'true',
      'Whether spans and metrics are recorded. If not, `/metrics` only has build and process metrics',
    ),
    TRACES_KEPT_PERCENT: variable(
      integer(0, 100),
      '100',
      'Percent of the sampled traces that the tail sampling of the Collector keeps by their id. Exemplars name only kept traces. otel-collector.yaml keeps 10',
    ),
    TRACES_KEPT_FROM_MS: variable(
      milliseconds(),
      '250',
      'Duration from which on tail sampling keeps a trace whatever its id is',
    ),
    OTEL_SERVICE_NAME: optional(
      text,
      'Name of the service in spans and in the sessions of PostgreSQL (standard OpenTelemetry). Unset: `service.name` of OTEL_RESOURCE_ATTRIBUTES, and without it `volwatch`',
    ),
    OTEL_EXPORTER_OTLP_ENDPOINT: optional(
      url('http:', 'https:'),
      'Base URL of the OTLP receiver (standard OpenTelemetry). If this and the next variable are unset, no spans are exported, unless OTEL_TRACES_EXPORTER says so. Metrics and log lines are sent only if OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER say so',
    ),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(
      url('http:', 'https:'),
      'URL of the OTLP receiver for traces (standard OpenTelemetry)',
    ),
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: optional(
      url('http:', 'https:'),
      'URL of the OTLP receiver for metrics (standard OpenTelemetry)',
    ),
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: optional(
      url('http:', 'https:'),
      'URL of the OTLP receiver for log lines (standard OpenTelemetry)',
    ),
    OTEL_CONFIG_FILE: optional(
      text,
      'Refused (standard OpenTelemetry): a file would replace all other OTEL variables, and the service does not read one',
    ),
    FAULT_INJECTION: variable(
      boolean,
      'false',
      'Whether operators can inject faults on the admin port; refused in production',
    ),
  },
} as const;
