import {
  context,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Span, Tracer } from '@opentelemetry/api';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { agentFamily } from '#src/kernel/requests/callers/agent-family.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { IdempotencyClaim } from '#src/kernel/ports/idempotency.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import type { ClientIp } from '../server/client-ip.ts';
import { startWaitOf } from '../server/counted-request.ts';
import { createLoggedPath } from './logged-path.ts';
import { requestIdFrom, serverTiming, traceIdFrom } from './request-identity.ts';
import type { RequestLog } from './request-log.ts';
import { routeLabel } from '../routing/match.ts';
import type { Routing } from '../routing/router.ts';
import type { HttpContext, HttpMiddleware } from '../routing/types.ts';

type RequestScopeDeps = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly routing: Pick<Routing, 'match' | 'words'>;
  readonly clientIp: ClientIp;
  readonly requestLog: RequestLog;
  /** False if the configuration lifts all rate limits, as for a load test. */
  readonly hasRateLimits: boolean;
  /** After this time the signal of the request is aborted with an AppError `overloaded`. */
  readonly deadlineMs: number;
  /** The same for requests whose body is read while it arrives. */
  readonly streamDeadlineMs: number;
};

const tracedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type MethodLabel = LabelsOf<'http_server_active_requests'>['http_request_method'];
const methodLabels: ReadonlyMap<string, MethodLabel> = new Map(tracedMethods.map((method) => [method, method]));
const methodLabel = (method: string): MethodLabel => methodLabels.get(method) ?? '_OTHER';

const hasLeft = (): AppError => new AppError('request_timeout', 'The client has left before the answer');
const refuseLeft = async (): Promise<void> => {
  throw hasLeft();
};

class RequestScope implements RequestContext {
  readonly requestId: string;
  readonly traceId: string;
  readonly clientIp: string;
  readonly timings: RequestContext['timings'] = {};
  readonly noCache: boolean;
  principal?: Principal;
  assertCaller?: () => Promise<void>;
  idempotency?: IdempotencyClaim;
  /**
   * Undefined when it has closed. The timeout of an idle connection, and everything else that is made while a request runs, keeps its
   * context, and must not keep its body and answer with it.
   */
  #response: ServerResponse | undefined;
  readonly #deadlineMs: number;
  #controller: AbortController | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, ip: string, traceId: string, deadlineMs: number) {
    this.requestId = requestIdFrom(request.headers['x-request-id']);
    this.traceId = traceId;
    this.clientIp = ip;
    this.noCache = request.headers['cache-control']?.includes('no-cache') ?? false;
    this.#response = response;
    this.#deadlineMs = deadlineMs;
    response.once('close', this.#forget);
  }

  readonly #forget = (): void => {
    this.#response = undefined;
    // The check knows the request too. Work can go on after the answer, such as an upload, but it checks no caller.
    if (this.assertCaller) this.assertCaller = refuseLeft;
  };

  /** Created at its first use, because most requests never need it. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    // An AppError of status 408, because nobody may cause errors of the service by leaving.
    const onLeft = () => controller.abort(hasLeft());
    const response = this.#response;
    if (response === undefined || response.closed) {
      onLeft();
      return controller.signal;
    }
    const onDeadline = () => controller.abort(new AppError('overloaded', 'The work took too long', { retryAfter: 1 }));
    const timer = setTimeout(onDeadline, this.#deadlineMs);
    response.once('close', () => {
      clearTimeout(timer);
      if (!response.writableFinished) onLeft();
    });
    return controller.signal;
  }
}

const getter = {
  keys: (carrier: IncomingMessage['headers']) => Object.keys(carrier),
  get: (carrier: IncomingMessage['headers'], key: string) => carrier[key],
};

/** Extraction calls each propagator, so it is skipped without one of their headers (usually only `traceparent`). */
const hasTrace = (headers: IncomingMessage['headers'], fields: readonly string[]): boolean => {
  for (const name of fields) if (headers[name] !== undefined) return true;
  return false;
};

/**
 * The name of the program, not the header. The headers, `Host` among them, are texts of the caller, which can identify a person or be large.
 */
const callerAttributes = ({ 'user-agent': userAgent }: IncomingMessage['headers']) => {
  const program = agentFamily(userAgent);
  return program === null ? {} : { 'user_agent.name': program };
};

/** `fields`: names of the headers that the propagators read. */
type Tracing = { readonly tracer: Tracer; readonly fields: readonly string[] };

/** Starts the SERVER span with the attributes of the stable HTTP semantic conventions. */
const startSpan = (
  { tracer, fields }: Tracing,
  ctx: HttpContext,
  method: MethodLabel,
  template: string,
  path: string,
  waitedMs: number,
) => {
  const { headers } = ctx.req;
  const parent = hasTrace(headers, fields) ? propagation.extract(ROOT_CONTEXT, headers, getter) : ROOT_CONTEXT;
  const name = method === '_OTHER' ? 'HTTP' : method;
  const span = tracer.startSpan(
    template === 'unmatched' ? name : `${name} ${template}`,
    { kind: SpanKind.SERVER, ...(waitedMs > 0 && { startTime: Date.now() - waitedMs }) },
    parent,
  );
  // Attributes cost time, so only a recorded span gets them. The samplers in use do not read attributes.
  if (span.isRecording()) {
    span.setAttributes({
      'http.request.method': method,
      ...(template !== 'unmatched' && { 'http.route': template }),
      'url.path': path,
      'url.scheme': 'http',
      'network.protocol.version': ctx.req.httpVersion,
      ...(waitedMs > 0 && { 'volwatch.start_wait_ms': Math.round(waitedMs) }),
      ...callerAttributes(headers),
    });
  }
  return { span, parent };
};

const endSpan = (span: Span, status: number, failure: AppError | undefined): void => {
  if (span.isRecording()) {
    span.setAttribute('http.response.status_code', status);
    if (failure) span.setAttribute('error.type', failure.code);
    if (status >= 500) {
      if (failure?.cause instanceof Error) span.addEvent('exception', { 'exception.type': failure.cause.name });
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
  }
  span.end();
};

/**
 * The outermost middleware. It makes the request context, the server span, the RED metrics, the log line of the request,
 * and the headers of each answer. It is outside the error boundary, so it sees the final answer.
 */
export const requestScope = (deps: RequestScopeDeps): HttpMiddleware => {
  const { clock, metrics, routing, clientIp, requestLog, hasRateLimits, deadlineMs, streamDeadlineMs } = deps;
  const loggedPath = createLoggedPath(routing.words);
  const tracing: Tracing = { tracer: trace.getTracer('volwatch.http'), fields: propagation.fields() };

  return async (ctx, next) => {
    const waitedMs = startWaitOf(ctx.req);
    const started = clock.monotonic() - waitedMs;
    const { headers } = ctx.req;
    const { method: sentMethod, path: sentPath } = ctx;
    const method = methodLabel(sentMethod);
    const match = routing.match(sentMethod, sentPath);
    const path = loggedPath(sentPath, match.template);
    const { span, parent } = startSpan(tracing, ctx, method, match.template, path, waitedMs);
    const spanContext = span.spanContext();
    // The trace id is all zeros when no tracer is registered.
    const isTraced = spanContext.traceId !== INVALID_TRACEID;
    const traceId = isTraced ? spanContext.traceId : traceIdFrom(headers['traceparent']);
    const ip = clientIp(ctx.req);
    const isStream = match.kind === 'route' && match.route.declaration.streamBody === true;
    const request = new RequestScope(ctx.req, ctx.res, ip, traceId, isStream ? streamDeadlineMs : deadlineMs);
    ctx.state.request = request;
    ctx.state.match = match;
    ctx.state.span = span;
    ctx.res.setHeader('X-Request-ID', request.requestId);
    ctx.res.setHeader('X-Trace-ID', traceId);
    metrics.add('http_server_active_requests', { http_request_method: method }, 1);

    const serve = async (): Promise<void> => {
      await next();
      const { failure } = ctx.state;
      const { status } = ctx;
      const milliseconds = clock.monotonic() - started;
      if (waitedMs > 0) metrics.observe('volwatch_http_start_wait_duration_seconds', {}, waitedMs / 1000);
      // On sign-in routes the parts would show whether an account exists.
      const hidesParts = match.kind === 'route' && match.route.declaration.rateLimit === 'login';
      ctx.res.setHeader('Server-Timing', serverTiming(milliseconds, hidesParts ? {} : request.timings));
      metrics.add('http_server_active_requests', { http_request_method: method }, -1);
      metrics.observe(
        'http_server_request_duration_seconds',
        {
          http_request_method: ctx.state.isTaken ? method : '_OTHER',
          http_route: routeLabel(ctx.state),
          http_response_status_code: String(status),
          error_type: failure?.code ?? '',
        },
        milliseconds / 1000,
      );
      // Some refusals come before the rate limit, and some are its own.
      const isLifted = !hasRateLimits && match.kind === 'route' && match.route.declaration.rateLimit !== 'none';
      const isWithinRate = ctx.state.isWithinRate ?? isLifted;
      const entry = { method: sentMethod, route: match.template, path, status, milliseconds, waitedMs };
      requestLog({ ...entry, request, failure, isWithinRate });
      endSpan(span, status, failure);
    };
    return runInRequest(request, () => (isTraced ? context.with(trace.setSpan(parent, span), serve) : serve()));
  };
};
