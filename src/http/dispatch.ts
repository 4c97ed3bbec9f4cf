import { AppError, type ErrorCategory, type FieldError } from '#src/kernel/errors.ts';
import type { Idempotency } from '#src/kernel/idempotency.ts';
import type { Input, RequestSchemas } from '#src/kernel/route.ts';
import type { Answers } from './answers/answers.ts';
import { readBody } from './body.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { handle } from './idempotent.ts';
import { checkReply, selectFields, sendReply } from './reply.ts';
import type { Limits } from './limits.ts';
import { checkHead } from './request-head.ts';
import type { RouteTable } from './router.ts';
import type { Authenticate, CheckCsrf, HttpContext, HttpMiddleware, RateLimit } from './types.ts';
import { fieldErrors, parseQuery, validationFailed } from './validation.ts';

type Dependencies = {
  readonly routeTable: RouteTable;
  readonly authenticate: Authenticate;
  readonly rateLimit: RateLimit | undefined;
  readonly csrf: CheckCsrf | undefined;
  readonly idempotency: Idempotency | undefined;
  readonly answers: Pick<Answers, 'admit'> | undefined;
  readonly limits: Limits;
};

/** The route of this request. @throws AppError `route_not_found`, `method_not_allowed`, `not_acceptable` */
const findRoute = (ctx: HttpContext): CompiledRoute => {
  const { match } = ctx.state;
  if (match.kind === 'none') throw new AppError('route_not_found', 'No route has this path');
  if (match.kind === 'method') {
    throw new AppError('method_not_allowed', `Allowed here: ${match.allow}`, { headers: { Allow: match.allow } });
  }
  const { produces } = match.route;
  const { accept } = ctx.req.headers;
  if (accept !== undefined && accept !== '*/*' && !produces.includes(accept) && ctx.accepts(...produces) === false) {
    throw new AppError('not_acceptable', `This route answers ${produces.join(' or ')}`);
  }
  return match.route;
};

/** The parsed request. @throws AppError `validation_failed` and those of the body */
const parseInput = async (
  ctx: HttpContext,
  route: CompiledRoute,
  { routeTable, limits }: Dependencies,
): Promise<Input<RequestSchemas>> => {
  const errors: FieldError[] = [];
  const parse = (
    part: 'path' | 'query' | 'header',
    schema: CompiledRoute['path'],
    value: Record<string, unknown>,
  ): Record<string, unknown> | undefined => {
    const parsed = schema?.safeParse(value);
    if (parsed?.error) errors.push(...fieldErrors(part, parsed.error, value));
    return parsed?.data;
  };

  const path = parse('path', route.path, routeTable.parameters(route, ctx.path));
  const query = parse('query', route.query, parseQuery(ctx.querystring, limits.queryParameters));
  const picked: Record<string, unknown> = {};
  for (const name of route.headerNames) {
    const value = ctx.req.headers[name];
    if (value !== undefined) picked[name] = value;
  }
  const headers = parse('header', route.headers, picked);

  let body: unknown;
  if (route.body !== undefined) {
    const raw = await readBody(ctx.req, route, limits);
    const parsed = route.body.safeParse(raw);
    if (parsed.error) errors.push(...fieldErrors('body', parsed.error, raw));
    body = parsed.data;
  }
  if (errors.length > 0) throw validationFailed(errors);
  return { path, query, headers, body, context: ctx.state.request };
};

const atAddressExpense: ReadonlySet<ErrorCategory> = new Set<ErrorCategory>(['authentication', 'authorization']);

const setHeaders = ({ res }: HttpContext, headers: Readonly<Record<string, string>>): void => {
  for (const name of Object.keys(headers)) res.setHeader(name, headers[name]!);
};

/** The inner half of the chain, from the route to its reply, in the order in which it happens. */
export const dispatch = (deps: Dependencies): HttpMiddleware => {
  const { authenticate, rateLimit, csrf } = deps;

  const limit = async (ctx: HttpContext, { declaration }: CompiledRoute): Promise<void> => {
    const { request } = ctx.state;
    const { rateLimit: policy } = declaration;
    if (rateLimit === undefined || policy === 'none') return;
    const stage = request.principal?.kind ?? (policy === 'login' ? 'login' : 'ip');
    setHeaders(ctx, await rateLimit(request, stage, request.principal));
  };

  /** The caller has a budget of their own; refused credentials are at the expense of the address that sent them. */
  const identify = async (ctx: HttpContext, route: CompiledRoute): Promise<void> => {
    const { auth } = route.declaration;
    if (auth === 'public') return;
    try {
      const principal = await authenticate(ctx.req, auth);
      // Fails closed: whoever forgot to refuse, nobody unknown gets past here.
      if (principal === undefined) {
        throw new AppError('credentials_missing', 'This route needs credentials', {
          headers: { 'WWW-Authenticate': 'Bearer' },
        });
      }
      ctx.state.request.principal = principal;
      // Made for this caller: nobody else's cache may keep it, and their own only what it can ask about again.
      ctx.set('Cache-Control', route.declaration.etag === undefined ? 'no-store' : 'private, no-cache');
    } catch (error) {
      if (error instanceof AppError && atAddressExpense.has(error.definition.category)) await limit(ctx, route);
      throw error;
    }
  };

  return async (ctx) => {
    const { match } = ctx.state;
    checkHead(ctx.req, deps.limits);
    if (ctx.method === 'OPTIONS' && match.kind !== 'none') {
      ctx.set('Allow', match.allow);
      ctx.status = 204;
      return;
    }
    const route = findRoute(ctx);
    await identify(ctx, route);
    await limit(ctx, route);
    deps.answers?.admit(ctx.state.request, route.declaration);
    if (csrf && ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      await csrf({ method: ctx.method, headers: ctx.req.headers }, ctx.state.request.principal);
    }
    const input = await parseInput(ctx, route, deps);
    const reply = await handle(ctx, route, input, deps.idempotency);
    checkReply(route, reply);
    const body = route.declaration.fields ? selectFields(reply.body, input.query?.['fields']) : reply.body;
    sendReply(ctx, route, body === reply.body ? reply : { ...reply, body });
  };
};
