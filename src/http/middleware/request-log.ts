import type { AppError, ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { LineLimit } from './line-limit.ts';

type RequestLogEntry = {
  readonly request: RequestContext;
  readonly method: string;
  readonly route: string;
  /** Without query and secrets. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  /** The part of `milliseconds` before the request started. See docs/decisions/0277. */
  readonly waitedMs: number;
  readonly failure: AppError | undefined;
  /** A rate limit has let the request through, so it bounds the number of these lines. */
  readonly isWithinRate: boolean;
};
export type RequestLog = (entry: RequestLogEntry) => void;

/** An operator must act on these codes, because retries do not help. The other 5xx codes have alerts of their dependency. */
const needsAction: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal_error',
  'auth_service_error',
  'pricing_engine_unavailable',
  'calendar_token_unreadable',
  'database_schema_outdated',
]);

/** Writes one log line per request; of requests that no rate limit has let through, as many as `mayWrite` allows. It runs inside the request scope, so the logger adds the ids of the request and span. */
export const createRequestLog =
  (
    logger: Logger,
    addressHash: (address: string) => string,
    mayWrite: LineLimit,
    mayWriteFault: LineLimit,
  ): RequestLog =>
  ({ request, method, route, path, status, milliseconds, waitedMs, failure, isWithinRate }) => {
    // Anybody can cause the refusals of an overload. Faults of the service are limited by their code, so that refusals do not hide
    // them, and so that an outage of the database does not fill the log.
    const isFault = status >= 500 && failure?.code !== 'overloaded';
    if (!isWithinRate && !(isFault ? mayWriteFault(failure?.code ?? '') : mayWrite(request.clientIp))) return;
    const level =
      failure !== undefined && needsAction.has(failure.code) ? 'error' : status >= 500 ? 'warn' : ('info' as const);
    const fields: Record<string, unknown> = {
      request_id: request.requestId,
      trace_id: request.traceId,
      method,
      route,
      path,
      status,
      duration_ms: Math.round(milliseconds * 100) / 100,
      client_ip_hash: addressHash(request.clientIp),
    };
    if (waitedMs > 0) fields['start_wait_ms'] = Math.round(waitedMs * 100) / 100;
    if (failure) {
      fields['code'] = failure.code;
      fields['category'] = failure.definition.category;
      if (status >= 500) fields['error'] = failure.cause ?? failure;
    }
    if (request.principal) fields['principal_kind'] = request.principal.kind;
    logger[level](fields, 'request');
  };
