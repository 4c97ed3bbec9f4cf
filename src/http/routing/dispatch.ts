import { AppError, type ErrorCategory } from '#src/kernel/catalogue/errors.ts';
import type { Idempotency } from '#src/kernel/ports/idempotency.ts';
import type { Answers } from '../answers/answers.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { BodyAdmission, Caller } from '../admission/body-admission.ts';
import { acceptedTypes } from '#src/kernel/requests/accept.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import { hasBody, hasUnexpectedBody, isRestLarge } from '../admission/unread-body.ts';
import { readBody } from './body.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { handle } from './idempotent.ts';
import { selectFields, sendReply } from './reply.ts';
import type { ResponseCheck } from './response-check.ts';
import type { Limits } from '../server/limits.ts';
import { checkHead } from '../server/request-head.ts';
import { parseInput } from './request-input.ts';
import type { LoadShedding } from '../admission/load-shedding.ts';
import type { RouteTable } from './router.ts';
import type { Authenticate, CheckCsrf, HttpContext, HttpMiddleware, RateLimit } from './types.ts';

type DispatchDeps = {
  readonly routeTable: RouteTable;
  readonly authenticate: Authenticate;
  readonly rateLimit: RateLimit | undefined;
  readonly csrf: CheckCsrf | undefined;
  readonly idempotency: Idempotency | undefined;
  readonly answers: Pick<Answers, 'admit'> | undefined;
  readonly loadShedding: LoadShedding | undefined;
  readonly bodies: BodyAdmission;
  readonly abuse: AbuseReport;
  readonly limits: Limits;
  readonly checkResponse: ResponseCheck;
};

/** Finds the route of the request. @throws AppError `route_not_found`, `method_not_allowed`, `not_acceptable` */
const findRoute = (ctx: HttpContext): CompiledRoute => {
  const { match } = ctx.state;
  if (match.kind === 'none') throw new AppError('route_not_found', 'No route has this path');
  if (match.kind === 'method') {
    throw new AppError('method_not_allowed', `Allowed here: ${match.allow}`, { headers: { Allow: match.allow } });
  }
  const { produces } = match.route;
  const { accept } = ctx.req.headers;
  if (
    accept !== undefined &&
    accept !== '*/*' &&
    !produces.includes(accept) &&
    acceptedTypes(accept, produces).length === 0
  ) {
    throw new AppError('not_acceptable', `This route answers ${produces.join(' or ')}`);
  }
  return match.route;
};

/** Errors of these categories count in the rate limit of the client address. */
const countedByAddress: ReadonlySet<ErrorCategory> = new Set<ErrorCategory>(['authentication', 'authorization']);

const setHeaders = ({ res }: HttpContext, headers: Readonly<Record<string, string>>): void => {
  for (const name of Object.keys(headers)) res.setHeader(name, headers[name]!);
};

/** The innermost middleware. It runs the steps from the route to the reply, in the order of this code. */
export const dispatch = (deps: DispatchDeps): HttpMiddleware => {
  const { routeTable, authenticate, rateLimit, csrf, loadShedding, bodies, abuse, limits, checkResponse } = deps;

  const limit = async (ctx: HttpContext, { declaration }: CompiledRoute): Promise<void> => {
    const { request } = ctx.state;
    const { rateLimit: rule } = declaration;
    if (rateLimit === undefined || rule === 'none') return;
    setHeaders(ctx, await rateLimit(request, rule, request.principal));
  };

  /** Authenticates the caller. Refused credentials count in the rate limit of the client address. */
  const identify = async (ctx: HttpContext, route: CompiledRoute): Promise<void> => {
    const { auth } = route.declaration;
    if (auth === 'public') return;
    try {
      const principal = await authenticate(ctx.req, auth);
      // A second guard: without a principal the request is refused, even if `authenticate` did not throw.
      if (principal === undefined) {
        throw new AppError('credentials_missing', 'This route needs credentials', {
          headers: { 'WWW-Authenticate': 'Bearer' },
        });
      }
      ctx.state.request.principal = principal;
      // The answer belongs to this caller. Shared caches must not store it. A private cache may, and must revalidate.
      ctx.set('Cache-Control', route.declaration.etag === undefined ? 'no-store' : 'private, no-cache');
    } catch (error) {
      if (error instanceof AppError && countedByAddress.has(error.definition.category)) await limit(ctx, route);
      throw error;
    }
  };

  /** @throws AppError `body_unexpected` */
  const refuseBody = ({ state: { request } }: HttpContext): never => {
    abuse.refused('body_unexpected', request.clientIp);
    throw new AppError('body_unexpected');
  };

  /** Refuses a large body that no handler reads. A small one is refused later, after authentication. */
  const refuseLargeBody = (ctx: HttpContext): void => {
    const { match, request } = ctx.state;
    const isRead = ctx.method !== 'OPTIONS' && match.kind === 'route' && match.route.body !== undefined;
    if (isRead || !hasBody(ctx.req) || !isRestLarge(ctx.req, limits.discardBytes)) return;
    if (match.kind === 'route' || (ctx.method === 'OPTIONS' && match.kind !== 'none')) refuseBody(ctx);
    // There is no exception here, because the following 404 or 405 tells the client more.
    abuse.refused('body_unexpected', request.clientIp);
  };

  /** Sends `100 Continue` to a client that waits for it. */
  const sendContinue = ({ req, res }: HttpContext): void => {
    const { expect } = req.headers;
    if (expect !== undefined && /^100-continue$/i.test(expect) && req.httpVersion === '1.1') res.writeContinue();
  };

  return async (ctx) => {
    const { match, request } = ctx.state;
    checkHead(ctx.req, limits);
    refuseLargeBody(ctx);
    if (ctx.method === 'OPTIONS' && match.kind !== 'none') {
      if (hasUnexpectedBody(ctx.req)) refuseBody(ctx);
      ctx.set('Allow', match.allow);
      ctx.status = 204;
      return;
    }
    const route = findRoute(ctx);
    const { declaration } = route;
    loadShedding?.refuseEarly(declaration);
    await identify(ctx, route);
    await limit(ctx, route);
    deps.answers?.admit(ctx.state.request, route.declaration);
    if (csrf && ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      await csrf({ method: ctx.method, headers: ctx.req.headers }, request.principal);
    }

    if (route.body === undefined && hasUnexpectedBody(ctx.req)) refuseBody(ctx);
    const caller: Caller = { key: callerOf(request), clientIp: request.clientIp };
    loadShedding?.check(declaration, caller);
    let releaseBody = (): void => {};
    const read = async (): Promise<unknown> => {
      const body = await readBody(ctx.req, route, {
        limits,
        open: (declaredBytes, onSlow) => bodies.open(caller, declaredBytes, onSlow),
        ask: () => sendContinue(ctx),
        refused: (kind) => abuse.refused(kind, caller.clientIp),
      });
      releaseBody = body.release;
      return body.value;
    };
    try {
      const input = await parseInput(ctx, route, { routeTable, maxQueryNames: limits.queryParameters, readBody: read });
      // The slot is taken after the body has arrived, so a client that does not send its body holds no slot.
      const slot = loadShedding?.enter(declaration, caller);
      try {
        const reply = await handle(ctx, route, input, deps.idempotency);
        checkResponse(route, reply);
        const body = declaration.fields ? selectFields(reply.body, input.query?.['fields']) : reply.body;
        sendReply(ctx, route, body === reply.body ? reply : { ...reply, body });
      } finally {
        slot?.workEnded();
        // The answer to a slow client holds memory, so it counts for its caller until it is sent.
        // `prepend`, because another listener of `close` starts the next pipelined request, which needs the slot.
        if (slot && ctx.res.closed) slot.answerEnded();
        else if (slot) ctx.res.prependOnceListener('close', slot.answerEnded);
      }
    } finally {
      releaseBody();
    }
  };
};
