import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { hasBody } from '#src/kernel/connections/has-body.ts';
import { hasUnexpectedBody, isRestLarge } from '../admission/unread-body.ts';
import type { Limits } from '../server/limits.ts';
import { checkHead } from '../server/request-head.ts';
import { refuseBody } from './steps/load-steps.ts';
import type { HttpMiddleware } from './types.ts';

type Deps = { readonly abuse: AbuseReport; readonly limits: Limits };

type UnroutedDeps = {
  readonly abuse: AbuseReport;
  /** The path that was probably meant; see `createNearPath`. */
  readonly nearPath: (path: string) => string | undefined;
};

/**
 * Checks the head of every request, before its route. A large body that no handler reads is refused here; a small one
 * is refused later, after authentication.
 */
export const checkRequest =
  ({ abuse, limits }: Deps): HttpMiddleware =>
  (ctx, next) => {
    const { match, request } = ctx.state;
    checkHead(ctx.req, limits);
    const isRead = match.kind === 'route' && match.route.body !== undefined;
    if (isRead || !hasBody(ctx.req) || !isRestLarge(ctx.req, limits.discardBytes)) return next();
    if (match.kind === 'route' || (ctx.method === 'OPTIONS' && match.kind !== 'none')) refuseBody(abuse, ctx);
    // There is no exception here, because the following 404 or 405 tells the client more.
    abuse.refused('body_unexpected', request.clientIp);
    return next();
  };

/**
 * Answers requests without a route: OPTIONS for a known path, and errors.
 * @throws AppError `route_not_found`, `method_not_allowed`, `body_unexpected`
 */
export const unrouted =
  ({ abuse, nearPath }: UnroutedDeps): HttpMiddleware =>
  async (ctx) => {
    const { match } = ctx.state;
    if (match.kind === 'none') {
      const near = nearPath(ctx.path);
      const question = near === undefined ? ':' : `; did you mean ${near}?`;
      throw new AppError('route_not_found', `No route has this path${question} GET /openapi.json lists the paths`);
    }
    if (ctx.method !== 'OPTIONS') {
      throw new AppError('method_not_allowed', `Allowed here: ${match.allow}`, { headers: { Allow: match.allow } });
    }
    if (hasUnexpectedBody(ctx.req)) refuseBody(abuse, ctx);
    ctx.set('Allow', match.allow);
    ctx.status = 204;
  };
