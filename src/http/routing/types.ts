import type Koa from 'koa';
import type { Span } from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';
import type { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { AuthPolicy, RateLimitRule } from '#src/kernel/requests/route.ts';
import type { Match } from './router.ts';

export type HttpState = {
  request: RequestContext;
  match: Match;
  span: Span;
  /** What the error boundary answered with, for the span, the metrics and the log line outside it. */
  failure?: AppError;
  /** The large answer before its compression: its pieces are what it holds in memory. */
  pieces?: AnswerPieces;
};
export type HttpContext = Koa.ParameterizedContext<HttpState>;
export type HttpMiddleware = Koa.Middleware<HttpState>;

/** @throws AppError of category authentication or authorization, or of the dependency that failed meanwhile */
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

/** Called for unsafe methods. @throws AppError `csrf_token_invalid` */
export type CheckCsrf = (
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  principal: Principal | undefined,
) => Promise<void>;
