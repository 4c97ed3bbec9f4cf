import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError, type ErrorCategory } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { RefusalDelay } from '../../admission/refusal-delay.ts';
import type { CompiledRoute } from '../compiled-route.ts';
import type { AuthPolicy } from '#src/kernel/requests/route.ts';
import type { Authenticate, CheckCsrf, HttpContext, RateLimit, Step } from '../types.ts';

export type CallerStepsDeps = {
  readonly authenticate: Authenticate;
  readonly rateLimit: RateLimit | undefined;
  readonly csrf: CheckCsrf | undefined;
  readonly refusalDelay: RefusalDelay | undefined;
  readonly clock: Clock;
};

/** After this time the caller is checked again. A new request would be refused about as soon. */
const maxIdentityMs = 1_000;

/** Errors of these categories count in the rate limit of the client address. */
const countedByAddress: ReadonlySet<ErrorCategory> = new Set<ErrorCategory>(['authentication', 'authorization']);

const setHeaders = ({ res }: HttpContext, headers: Readonly<Record<string, string>>): void => {
  for (const name of Object.keys(headers)) res.setHeader(name, headers[name]!);
};

/** Who calls, and how often. */
export const createCallerSteps = ({ authenticate, rateLimit, csrf, refusalDelay, clock }: CallerStepsDeps) => {
  /** The answer over a rate limit waits when the address was refused often. */
  const delayRefusal = async ({ state: { request } }: HttpContext, error: unknown): Promise<void> => {
    if (!(error instanceof AppError && error.code === 'rate_limit_exceeded')) return;
    await refusalDelay?.wait(request.clientIp, request.signal);
  };

  const take = async (ctx: HttpContext, { declaration }: CompiledRoute): Promise<void> => {
    const { request } = ctx.state;
    const { rateLimit: rule } = declaration;
    if (rateLimit === undefined || rule === 'none') return;
    try {
      setHeaders(ctx, await rateLimit(request, rule, request.principal));
      ctx.state.isWithinRate = true;
    } catch (error) {
      await delayRefusal(ctx, error);
      throw error;
    }
  };

  const againAfter = (since: number, { req, state }: HttpContext, auth: Exclude<AuthPolicy, 'public'>) => {
    // An upload is read in its transaction. A refusal is recorded in one of its own, which must stay when that of the upload is
    // rolled back.
    const asBefore = AsyncLocalStorage.snapshot();
    return async (): Promise<void> => {
      if (clock.monotonic() - since < maxIdentityMs) return;
      const principal = await asBefore(authenticate, req, auth);
      if (!principal) throw new AppError('credentials_missing');
      state.request.principal = principal;
    };
  };

  return {
    /** Authenticates the caller. Refused credentials count in the rate limit of the client address. */
    identify: (route) => {
      const { auth, etag } = route.declaration;
      if (auth === 'public') return undefined;
      return async (ctx, next) => {
        try {
          const principal = await authenticate(ctx.req, auth);
          // A second guard: without a principal the request is refused, even if `authenticate` did not throw.
          if (principal === undefined && auth !== 'optional') {
            throw new AppError(
              'credentials_missing',
              'This route needs credentials: send the header Authorization: Bearer TOKEN with a token of POST /auth/token or ' +
                'POST /auth/login, or X-API-Key with an API key',
              {
                headers: { 'WWW-Authenticate': 'Bearer' },
              },
            );
          }
          if (principal) {
            ctx.state.request.principal = principal;
            ctx.state.request.assertCaller = againAfter(clock.monotonic(), ctx, auth);
          }
        } catch (error) {
          if (error instanceof AppError && countedByAddress.has(error.definition.category)) await take(ctx, route);
          await delayRefusal(ctx, error);
          throw error;
        }
        if (auth === 'optional' && ctx.state.request.principal === undefined) return next();
        // The answer belongs to this caller. Shared caches must not store it. A private cache may, and must revalidate.
        ctx.set('Cache-Control', etag === undefined ? 'no-store' : 'private, no-cache');
        return next();
      };
    },

    /** Checks the caller again right before the handler, if its body took some time. */
    identifyAgain: ({ declaration: { auth, request } }) => {
      if (auth === 'public' || request.body === undefined) return undefined;
      return async (ctx, next) => {
        await ctx.state.request.assertCaller?.();
        return next();
      };
    },

    /** Counts the request in the rate limit. */
    limit: (route) => {
      if (rateLimit === undefined || route.declaration.rateLimit === 'none') return undefined;
      return async (ctx, next) => {
        await take(ctx, route);
        return next();
      };
    },

    /**
     * Refuses a change that another site may have sent with the cookie of the caller. A route with optional credentials
     * changes nothing: there the origin of the request is checked, as on public routes, and no token is needed.
     */
    checkCsrf: ({ declaration: { auth, method, storesOnGet } }) => {
      if (csrf === undefined || (method === 'GET' && !storesOnGet)) return undefined;
      return async (ctx, next) => {
        const { principal } = ctx.state.request;
        const needsNoToken = auth === 'optional' && principal?.sessionId !== undefined;
        await csrf({ method, headers: ctx.req.headers }, needsNoToken ? undefined : principal);
        return next();
      };
    },
  } satisfies Record<string, Step>;
};
