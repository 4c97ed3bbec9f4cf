import { abuseKinds } from '../abuse.ts';
import { boundedWorks } from '../bounded-works.ts';
import { errorCategories, errorCodes, errorTable } from '../errors.ts';
import { legacyOmissions, legacyShapes, tokenFormats } from '../../requests/principal.ts';
import { authOperations, namesOf } from '../operations.ts';
import { loadClasses } from '../../requests/route.ts';
import type { MetricDeclaration } from './declaration.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER'] as const;
const errorType = ['', ...errorCodes] as const;
const authenticationCodes = errorCodes.filter((code) => errorTable[code].category === 'authentication');

/** Requests, who sent them, and what was refused. */
export const requestMetrics = {
  http_server_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of HTTP server requests in seconds',
    labels: {
      http_request_method: methods,
      http_route: 'service',
      http_response_status_code: 'service',
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
    help: 'Errors by category and code: problem documents by route, and failed refreshes with an empty route',
    labels: { category: errorCategories, code: errorCodes, http_route: 'service' },
  },
  volwatch_deprecated_requests_total: {
    type: 'counter',
    help: 'Requests to deprecated routes by kind of caller',
    labels: { http_request_method: methods, http_route: 'service', caller: ['anonymous', 'user', 'client', 'api_key'] },
  },
  volwatch_auth_duration_seconds: {
    type: 'histogram',
    help: 'Duration of authentication operations in seconds',
    labels: {
      operation: namesOf(authOperations),
      outcome: ['ok', 'refused', 'error'],
    },
  },
  volwatch_auth_second_factor_total: {
    type: 'counter',
    help: 'Codes of second factors; locked: not checked after too many wrong codes',
    labels: { method: ['totp', 'recovery_code'], outcome: ['accepted', 'refused', 'locked'] },
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
  volwatch_auth_legacy_tokens_total: {
    type: 'counter',
    help: 'Accepted access tokens of the earlier system, by what `sub` has and the type of `id`',
    labels: { shape: legacyShapes },
  },
  volwatch_auth_legacy_omissions_total: {
    type: 'counter',
    help: 'Accepted access tokens of the earlier system that lack a type or claim, by what they lack',
    labels: { lacks: legacyOmissions },
  },
  volwatch_rate_limit_decisions_total: {
    type: 'counter',
    help: 'Rate limit decisions',
    labels: {
      policy: ['ip', 'login', 'credentials', 'recovery', 'calendar', 'user', 'client', 'api_key'],
      subject: ['ip', 'user', 'client', 'api_key', 'owner'],
      outcome: ['allowed', 'limited'],
      backend: ['redis', 'memory'],
    },
  },
  volwatch_rate_limit_top_limited: {
    type: 'gauge',
    help: 'Refusals of the ten most refused subjects within the last five to ten minutes',
    // Ten series at any time: what leaves the top ten is removed.
    labels: { rank: 'service', subject_hash: 'caller' },
    ends: 'replaced',
  },
  volwatch_load_shed_total: {
    type: 'counter',
    help: 'Requests refused because of load, by class of route and reason; caller: one caller has too many in progress',
    labels: { load_class: loadClasses, reason: ['concurrency', 'caller', 'lag'] },
  },
  volwatch_http_connections_refused_total: {
    type: 'counter',
    help: 'Connections closed at once: too many in total, of one address, or of one site (IPv4 /24, IPv6 /48); accept: the system had no file descriptor or memory',
    labels: { reason: ['total', 'address', 'site', 'accept'] },
  },
  volwatch_http_connections_evicted_total: {
    type: 'counter',
    help: 'Idle connections closed in favour of new ones, because the total was at CONNECTIONS_LIMIT',
    labels: {},
  },
  volwatch_http_start_wait_duration_seconds: {
    type: 'histogram',
    help: 'Time for which requests waited to start, because many came in one turn of the event loop; others are not counted',
    labels: {},
  },
  volwatch_places_wait_duration_seconds: {
    type: 'histogram',
    help: 'Time for which works waited for one of the places that bound how many of them run at once; 0 if one was free',
    labels: { work: boundedWorks },
  },
  volwatch_places_refused_total: {
    type: 'counter',
    help: 'Works refused with 503, because too many waited for a place',
    labels: { work: boundedWorks },
  },
  volwatch_http_request_lines_omitted_total: {
    type: 'counter',
    help: 'Log lines left out of requests that no rate limit has let through: more than 600 of an address or 6,000 of all in a minute',
    labels: {},
  },
  volwatch_http_requests_abandoned_total: {
    type: 'counter',
    help: 'Requests that were not started, because their connection was closed while they waited; no other metric counts them',
    labels: {},
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
  volwatch_idempotent_requests_total: {
    type: 'counter',
    help: 'Requests with an Idempotency-Key: ran, answered from an earlier run, or refused',
    labels: { outcome: ['ran', 'replayed', 'refused'] },
  },
} as const satisfies Record<string, MetricDeclaration>;
