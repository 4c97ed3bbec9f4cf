import type Koa from 'koa';
import type { Span } from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';
import type { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { AuthPolicy, Input, RateLimitRule, RequestSchemas } from '#src/kernel/requests/route.ts';
import type { Caller } from '../admission/shares.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { Match } from './match.ts';

export type HttpState = {
  /** The rate limit of the route has let the request through. */
  isWithinRate?: boolean;
  request: RequestContext;
  match: Match;
  /** The route has taken the request. What is refused before counts for no route. */
  isTaken?: true;
  span: Span;
  /** See `callerIn`. */
  caller?: Caller;
  /** Size of the body without compression; undefined for a stream and without a body. */
  bodyBytes?: number;
  /** The validated input of the handler, until its reply. */
  input?: Input<RequestSchemas> | undefined;
  /** The handler has begun, so it may still use the body of the request after its answer. */
  isHandled?: true;
  /** The error that the error boundary has answered. The span, the metrics and the log line use it. */
  failure?: AppError;
  /** A large answer before compression. Its pieces are the memory that the answer holds. */
  pieces?: AnswerPieces;
  /** Counts a large answer before it is read. Undefined: answers are not limited. @throws AppError as `AnswerBacklog.hold` */
  reserveAnswer?: (bytes: number) => void;
};
export type HttpContext = Koa.ParameterizedContext<HttpState>;
export type HttpMiddleware = Koa.Middleware<HttpState>;
/** Makes one middleware of a route. Undefined: the route does not need this step. */
export type Step = (route: CompiledRoute) => HttpMiddleware | undefined;

/** @throws AppError of category authentication or authorization, or of a dependency that failed */
export type Authenticate = (
  request: { readonly headers: IncomingHttpHeaders },
  policy: Exclude<AuthPolicy, 'public'>,
) => Promise<Principal | undefined>;

/**
 * Takes a point of the principal, or of the address where there is none (public routes, refused credentials).
 * @returns headers of the answer
 * @throws AppError `rate_limit_exceeded`
 */
export type RateLimit = (
  context: RequestContext,
  rule: Exclude<RateLimitRule, 'none'>,
  principal: Principal | undefined,
) => Promise<Readonly<Record<string, string>>>;

/** Called for methods other than GET and HEAD, and for GET routes that store something, which need no token. @throws AppError `csrf_token_invalid` */
export type CheckCsrf = (
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  principal: Principal | undefined,
) => Promise<void>;
