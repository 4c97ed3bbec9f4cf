import { boolean, integer, isNetwork, list, milliseconds, oneOf, origins, points, text, url } from './parsers.ts';
import { optional, variable } from './variable.ts';

/** How the service listens, and what it lets in. */
export const edgeSections = {
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
    PRICING_JOB_CHUNK_BYTES: variable(integer(1, 2 ** 30), '16777216', 'Max bytes of one chunk of a pricing job'),
    BODY_EXPANSION_FREE_BYTES: variable(
      integer(1, 2 ** 30),
      '16777216',
      'A compressed body may become this large at any ratio, within the limit of its route',
    ),
    BODY_EXPANSION_RATIO_LIMIT: variable(
      integer(1, 1_000_000),
      '100',
      'Max bytes for each compressed byte of a larger body, then 413 `payload_too_large`',
    ),
    BODY_MIN_BYTES_PER_SECOND: variable(
      integer(1, 2 ** 30),
      '1024',
      'Min rate at which a body arrives, measured over each BODY_GRACE_MS, then 408 `request_timeout`',
    ),
    BODY_GRACE_MS: variable(integer(5, 600_000), '5000', 'Time before a slow body is given up'),
    BODY_DISCARD_LIMIT_BYTES: variable(
      integer(0, 2 ** 30),
      '262144',
      'Max bytes of an unread body that are read and thrown away; a larger one closes its connection',
    ),
    BODIES_LIMIT: variable(
      integer(1, 100_000),
      '1024',
      'Max bodies that are read at once, then 503 `overloaded` or 429 `concurrency_limit_exceeded`',
    ),
    BODIES_LIMIT_BYTES: variable(
      integer(1, 2 ** 40),
      '268435456',
      'Max bytes of all bodies in memory; the first BODY_LIMIT_BYTES of each do not count. At least twice BATCH_BODY_LIMIT_BYTES',
    ),
    CALLER_SHARE_PERCENT: variable(
      integer(1, 100),
      '50',
      'How much of LOAD_LIMIT_* and BODIES_LIMIT* one caller reaches alone; less while there are others; 100 lifts it',
    ),
    PIPELINE_LIMIT: variable(
      integer(1, 100_000),
      '1024',
      'Max requests of a connection that wait for the answers before theirs, then the connection is cut',
    ),
    JSON_DEPTH_LIMIT: variable(integer(1, 1_000), '20', 'Deepest nesting of a JSON body, then 400 `malformed_body`'),
    JSON_VALUES_LIMIT: variable(
      integer(1, 10_000_000),
      '5000',
      'Max values of a JSON body, those of pricing batches excepted, then 400 `malformed_body`',
    ),
    JSON_ITEMS_LIMIT: variable(integer(1, 10_000_000), '1000', 'Max elements of a list in such a body'),
    JSON_MEMBERS_LIMIT: variable(integer(1, 10_000_000), '200', 'Max members of an object in such a body'),
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
    ANSWER_MIN_BYTES_PER_SECOND: variable(
      integer(1, 2 ** 30),
      '65536',
      'Min rate at which a client must read an answer that waits for it, on average over ANSWER_GRACE_MS',
    ),
    ANSWER_GRACE_MS: variable(
      integer(3_000, 600_000),
      '30000',
      'How long a client may fall behind that rate, then its connection is cut; the kernel takes bytes in steps of some 1.4 MB, so keep it longer than such a step lasts at the min rate',
    ),
    ANSWER_TIMEOUT_MS: variable(milliseconds(3_600_000), '120000', 'A client must have taken its whole answer by then'),
    ANSWER_BACKLOG_BYTES: variable(
      integer(65_536, 2 ** 40),
      '268435456',
      'Max bytes of answers that wait to be read; beyond it the caller who holds the most makes way, or 503 `overloaded`',
    ),
    ANSWER_BACKLOG_BYTES_BY_CALLER: variable(
      integer(65_536, 2 ** 40),
      '100663296',
      'Max bytes of answers that wait to be read by one caller, then 429 `rate_limit_exceeded`',
    ),
    TRUSTED_PROXIES: variable(
      list.refine((entries) => entries.every(isNetwork), 'must list addresses or CIDRs'),
      '',
      'Addresses or CIDRs whose `X-Forwarded-For` is believed, comma-separated',
    ),
    CORS_ORIGINS: variable(
      origins,
      '',
      'Origins that browsers may call from, comma-separated; `*`, outside production only, is everybody without credentials',
    ),
  },
  'Rate limits': {
    RATE_LIMIT_ENABLED: variable(
      boolean,
      'true',
      '`false` lifts every limit by caller: rates, sign-in delays, CALLER_SHARE_PERCENT, PRICING_CALLER_LIMIT, ANSWER_BACKLOG_BYTES_BY_CALLER. For load tests from one address',
    ),
    RATE_LIMIT_IP_PER_MINUTE: variable(
      points,
      '100',
      'Requests of one address to public routes, and refused credentials',
    ),
    RATE_LIMIT_USER_PER_MINUTE: variable(points, '300', 'Requests of one user, those with his API keys included'),
    RATE_LIMIT_CLIENT_PER_MINUTE: variable(
      points,
      '600',
      'Requests of one OAuth client, those with its API keys included',
    ),
    RATE_LIMIT_API_KEY_PER_MINUTE: variable(
      points,
      '600',
      'Requests with one API key; they count against its owner too',
    ),
    RATE_LIMIT_LOGIN_PER_MINUTE: variable(points, '30', 'Sign-ins and registrations of one address'),
    RATE_LIMIT_ACCOUNT_ATTEMPTS: variable(
      points,
      '10',
      'Wrong passwords for one account from one network without delay; then each attempt waits twice as long',
    ),
    RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE: variable(
      points,
      '100',
      'Attempts for one account in a window, from all networks that it has not signed in from before',
    ),
    RATE_LIMIT_ACCOUNT_WINDOW_SECONDS: variable(integer(1, 86_400), '900', 'That window, and the max delay'),
  },
} as const;
