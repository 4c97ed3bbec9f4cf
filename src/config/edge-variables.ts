import { integer, isBaseUrl, isNetwork, list, milliseconds, oneOf, origins, url } from './parsers.ts';
import { host, text } from './text-parsers.ts';
import { optional, variable } from './variable.ts';

/** Variables of the HTTP servers, their limits and the rate limits. */
export const edgeSections = {
  Service: {
    NODE_ENV: variable(
      oneOf(['development', 'test', 'production']),
      'development',
      '`production` refuses defaults that are only for development',
    ),
    HOST: variable(host, '127.0.0.1', 'Address of the API. `::`: all addresses, also those of IPv4'),
    PORT: variable(integer(0, 65_535), '3000', 'Port of the API. 0: a free port'),
    METRICS_HOST: variable(host, '127.0.0.1', 'Address of the admin port. It must not be public'),
    METRICS_PORT: variable(
      integer(0, 65_535),
      '9464',
      'Port of `/metrics` and the routes for operators. 0: a free port',
    ),
    VOLWATCH_DIRECTORY: variable(
      text,
      '.volwatch',
      'Directory of the embedded database and the signing key, outside production',
    ),
    PUBLIC_URL: optional(
      url('http:', 'https:').refine(isBaseUrl, 'must have no query, no fragment and no user'),
      'URL of the API for clients: issuer and absolute URLs in the OAuth metadata, and `iss` of access tokens if JWT_ISSUER is unset. Unset: the listening address',
    ),
    GIT_COMMIT: variable(text, 'unknown', 'Commit of the build, for `volwatch_build_info`'),
    SHUTDOWN_GRACE_MS: variable(milliseconds(), '15000', 'Time that a stopping process waits for requests in progress'),
    SHUTDOWN_REFRESH_GRACE_MS: variable(
      integer(0, 600_000),
      '5000',
      'Time that a refresh can continue in a stopping process before it is rolled back. It must be below SHUTDOWN_GRACE_MS',
    ),
    SHUTDOWN_DRAIN_MS: variable(
      integer(0, 600_000),
      '500',
      'Time that a stopping process accepts requests while `/health/serving` and `/health/ready` answer 503. The load balancer must see the 503 in this time',
    ),
    LOG_LEVEL: variable(
      oneOf(['debug', 'info', 'warn', 'error', 'silent']),
      'info',
      'Min level of log lines on stdout',
    ),
  },
  'The edge': {
    BODY_LIMIT_BYTES: variable(
      integer(1, 2 ** 30),
      '65536',
      'Max size of a request body after decompression. Sign-ins, tokens and changes of passwords have at most 16 KB',
    ),
    DOCUMENT_BODY_LIMIT_BYTES: variable(
      integer(1, 2 ** 26),
      '524288',
      'Max size of the definition of a universe, which the event loop reads in three steps, and of the quotes of a calibration, after decompression',
    ),
    BATCH_BODY_LIMIT_BYTES: variable(
      integer(1, 2 ** 30),
      '67108864',
      'Max size of the body of a pricing batch after decompression',
    ),
    PRICING_JOB_CHUNK_BYTES: variable(integer(1, 2 ** 30), '16777216', 'Max bytes of one chunk of a pricing job'),
    UPLOAD_BODY_LIMIT_BYTES: variable(
      integer(1, 2 ** 40),
      '2147483648',
      'Max bytes of an uploaded file as it arrives, then 413 `payload_too_large`',
    ),
    UPLOAD_UNPACKED_LIMIT_BYTES: variable(
      integer(1, 2 ** 40),
      '4294967296',
      'Max bytes of an uploaded file after decompression, then 413 `payload_too_large`',
    ),
    UPLOAD_ROWS_MAX: variable(
      integer(1, 1_000_000_000),
      '50000000',
      'Max rows of an uploaded file, then 413 `payload_too_large`',
    ),
    UPLOAD_REFUSED_ROWS_MAX: variable(
      integer(1, 1_000_000_000),
      '10000',
      'Max refused rows of an uploaded file with `on_error=skip`, then 422 `upload_refused`',
    ),
    UPLOADS_LIMIT: variable(
      integer(1, 1_000),
      '2',
      'Max uploads of one process at once, then 503 `overloaded`. One caller has at most half of them. An upload counts until its prices are stored',
    ),
    REFRESHES_LIMIT: variable(
      integer(1, 1_000),
      '4',
      'Max refreshes by POST /refreshes that run at once in one process with ROLE=all, then 503 `overloaded`. One caller has at most half of them',
    ),
    UPLOAD_TIMEOUT_MS: variable(
      milliseconds(86_400_000),
      '1800000',
      'Timeout for an upload with all its work, in place of REQUEST_TIMEOUT_MS and REQUEST_DEADLINE_MS',
    ),
    BODY_EXPANSION_FREE_BYTES: variable(
      integer(1, 2 ** 30),
      '16777216',
      'Size after decompression up to which the compression ratio is not limited',
    ),
    BODY_EXPANSION_RATIO_LIMIT: variable(
      integer(1, 1_000_000),
      '100',
      'Max compression ratio of larger bodies, then 413 `payload_too_large`',
    ),
    BODY_MIN_BYTES_PER_SECOND: variable(
      integer(1, 2 ** 30),
      '1024',
      'Min rate of an arriving body, measured over each BODY_GRACE_MS, then 408 `request_timeout`',
    ),
    BODY_GRACE_MS: variable(integer(5, 600_000), '5000', 'Time over which the rate of a body is measured'),
    BODY_DISCARD_LIMIT_BYTES: variable(
      integer(0, 2 ** 30),
      '262144',
      'Max bytes of an unread body that are discarded. A larger body closes its connection',
    ),
    BODIES_LIMIT: variable(
      integer(1, 100_000),
      '1024',
      'Max bodies that are read at the same time, then 503 `overloaded` or 429 `concurrency_limit_exceeded`',
    ),
    BODIES_LIMIT_BYTES: variable(
      integer(1, 2 ** 40),
      '268435456',
      'Max bytes of all bodies in memory; the first BODY_LIMIT_BYTES of each do not count, and an eighth more is for callers with at most 256 KB. At least twice BATCH_BODY_LIMIT_BYTES. The windows of brotli bodies have half of it beside it. When it is short, bodies that still arrive end, those of the network that uses most first',
    ),
    CALLER_SHARE_PERCENT: variable(
      integer(1, 100),
      '50',
      'Max share of LOAD_LIMIT_* and BODIES_LIMIT* that one caller can use; it is smaller while other callers are active. 100: no limit per caller',
    ),
    CONNECTIONS_LIMIT: variable(
      integer(1, 1_000_000),
      '10000',
      'Max open connections; further ones are closed at once. A process has at most as many as its limit of file descriptors less 300, or half of it if that is more',
    ),
    CONNECTIONS_PER_ADDRESS_LIMIT: variable(
      integer(1, 1_000_000),
      '1000',
      'Max open connections of one address, or of one IPv6 /64 network; twice as many for a site (IPv4 /24, IPv6 /48). Lowered with CONNECTIONS_LIMIT where file descriptors are few. TRUSTED_PROXIES are exempt',
    ),
    PIPELINE_LIMIT: variable(
      integer(1, 100_000),
      '1024',
      'Max pipelined requests of a client that wait for earlier answers, each counted once for each 16 of its header fields; twice as many of all clients, where a few of each do not count. Then a connection that sends more is closed',
    ),
    JSON_DEPTH_LIMIT: variable(integer(1, 1_000), '20', 'Max nesting depth of a JSON body, then 400 `malformed_body`'),
    JSON_VALUES_LIMIT: variable(
      integer(1, 10_000_000),
      '5000',
      'Max values of a JSON body, except pricing batches, then 400 `malformed_body`',
    ),
    JSON_ITEMS_LIMIT: variable(
      integer(1, 10_000_000),
      '1000',
      'Max elements of a list in a JSON body, except pricing batches',
    ),
    JSON_MEMBERS_LIMIT: variable(
      integer(1, 10_000_000),
      '200',
      'Max members of an object in a JSON body, except pricing batches',
    ),
    URL_LIMIT_BYTES: variable(integer(1, 65_536), '8192', 'Max length of the request target, then 414 `uri_too_long`'),
    UNKNOWN_QUERY_NAMES: variable(
      oneOf(['refuse', 'ignore']),
      'refuse',
      'Names in the query of a GET route that it does not declare: `refuse` answers 422, `ignore` reads the declared ones only. `/profile` and `/settings` always ignore them',
    ),
    QUERY_PARAMETER_LIMIT: variable(integer(1, 10_000), '50', 'Max number of names in a query or form'),
    HEADER_LIMIT_BYTES: variable(
      integer(1_024, 1_048_576),
      '16384',
      'Max size of the header section including the request target, then 431 `headers_too_large`',
    ),
    HEADER_COUNT_LIMIT: variable(
      integer(1, 2_000),
      '100',
      'Max header fields of a request, then 431 `headers_too_large`',
    ),
    HEADERS_TIMEOUT_MS: variable(milliseconds(), '10000', 'Timeout for the headers of a request'),
    REQUEST_TIMEOUT_MS: variable(milliseconds(), '30000', 'Timeout for the whole request'),
    REQUEST_DEADLINE_MS: variable(milliseconds(), '30000', 'Deadline of a request; work after it is aborted'),
    KEEP_ALIVE_TIMEOUT_MS: variable(
      milliseconds(),
      '65000',
      'Time after which an idle connection is closed. It must be longer than that of the load balancer',
    ),
    ANSWER_MIN_BYTES_PER_SECOND: variable(
      integer(1, 2 ** 30),
      '65536',
      'Min rate at which a client must read an answer that waits for it, on average over ANSWER_GRACE_MS',
    ),
    ANSWER_GRACE_MS: variable(
      integer(3_000, 600_000),
      '30000',
      'Max time that a client can be below that rate, then its connection is closed. It must be longer than the time of 1.4 MB at the min rate, because the kernel accepts bytes in steps of this size',
    ),
    ANSWER_TIMEOUT_MS: variable(milliseconds(3_600_000), '120000', 'Timeout for reading the whole answer'),
    ANSWER_BACKLOG_BYTES: variable(
      integer(65_536, 2 ** 40),
      '268435456',
      'Max bytes of answers that wait to be read; each compression of one counts as 768 KB more. Answers that arrive from pricing processes, exports of accounts that are made, and bodies beyond half of BODIES_LIMIT_BYTES, take up to three quarters of it. Above it an answer of a network that held more bytes recently, or holds more, is cut, or the request gets 503 `overloaded`',
    ),
    ANSWER_BACKLOG_BYTES_BY_CALLER: variable(
      integer(65_536, 2 ** 40),
      '100663296',
      'Max bytes of answers of one caller that wait to be read, then 429 `rate_limit_exceeded`',
    ),
    RESPONSE_VALIDATION_PERCENT: variable(
      integer(0, 100),
      '1',
      'Share of the large answers in production that are compared with their schema. Small answers are always compared; outside production all are',
    ),
    TRUSTED_PROXIES: variable(
      list.refine(
        (entries) => entries.every(isNetwork),
        'must list addresses or CIDRs of the proxies, at least /8 for IPv4 and /7 for IPv6',
      ),
      '',
      'Addresses or CIDRs of proxies whose `X-Forwarded-For` or `Forwarded` is trusted, comma-separated',
    ),
    TRUSTED_PROXY_HEADER: variable(
      oneOf(['either', 'x-forwarded-for', 'forwarded']),
      'either',
      'Header that the proxies set. `either`: `X-Forwarded-For`, and `Forwarded` (RFC 7239) where the other is absent. The proxies must remove a header of the client that they do not set',
    ),
    CORS_ORIGINS: variable(
      origins,
      '',
      'Origins that browsers can call from, comma-separated. `*` (only outside production): all origins, without credentials',
    ),
  },
} as const;
