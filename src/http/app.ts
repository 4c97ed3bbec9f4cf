import Koa from 'koa';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock, type Clock } from '#src/kernel/ports/clock.ts';
import type { Idempotency } from '#src/kernel/ports/idempotency.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { Answers } from './answers/answers.ts';
import type { BodyAdmission } from './admission/body-admission.ts';
import type { RefusalDelay } from './admission/refusal-delay.ts';
import { unreadBodies } from './admission/unread-body.ts';
import type { ClientIp } from './server/client-ip.ts';
import { compression } from './middleware/compression.ts';
import { cors } from './middleware/cors.ts';
import { createRouteSteps } from './routing/route-steps.ts';
import { createNearPath } from './routing/near-path.ts';
import { checkRequest, unrouted } from './routing/unrouted.ts';
import { indexRoutes } from './pages/index-routes.ts';
import { docsRoutes } from './pages/docs-routes.ts';
import { deprecation } from './middleware/deprecation.ts';
import { errorBoundary } from './middleware/error-boundary.ts';
import type { Limits } from './server/limits.ts';
import type { LoadShedding } from './admission/load-shedding.ts';
import { createOpenApi, type OpenApiInfo } from './pages/openapi/document.ts';
import { problemRoutes } from './pages/problem-routes.ts';
import { createLineLimit } from './middleware/line-limit.ts';
import { createRequestLog } from './middleware/request-log.ts';
import { requestScope } from './middleware/request-scope.ts';
import type { UnknownQuery } from './routing/compiled-route.ts';
import { createResponseCheck, type ResponseValidation } from './routing/response-check.ts';
import { createRouting } from './routing/router.ts';
import { sequence } from './routing/sequence.ts';
import type { Authenticate, CheckCsrf, HttpMiddleware, HttpState, RateLimit } from './routing/types.ts';

export type AppDeps = {
  readonly routes: readonly Route[];
  readonly basePath: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Returns the hash that replaces a client address in log lines. */
  readonly addressHash: (address: string) => string;
  readonly clock?: Clock;
  readonly authenticate: Authenticate;
  readonly rateLimit?: RateLimit;
  readonly csrf?: CheckCsrf;
  readonly refusalDelay?: RefusalDelay;
  readonly idempotency?: Idempotency;
  readonly answers?: Pick<Answers, 'admit' | 'middleware' | 'holdProblem'>;
  readonly loadShedding?: LoadShedding;
  readonly bodies: BodyAdmission;
  readonly abuse: AbuseReport;
  readonly limits: Limits;
  /** Hides the details of unexpected errors. */
  readonly production: boolean;
  readonly responseValidation: ResponseValidation;
  /** What happens to unknown names in the query of GET routes. Default: `refuse`. */
  readonly unknownQuery?: UnknownQuery;
  readonly clientIp: ClientIp;
  readonly corsOrigins: readonly string[];
  readonly openapi: OpenApiInfo;
};

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Builds the Koa app with the given routes and the routes about the API itself (`/openapi.json`, `/docs`, `/problems`). */
export const createApp = (deps: AppDeps): RequestListener => {
  const { basePath, logger, metrics, clock = systemClock, production, limits } = deps;
  const { title: name, version } = deps.openapi;
  const described = [...deps.routes, ...problemRoutes(), ...indexRoutes({ name, version, basePath })];
  const openApi = createOpenApi({ routes: described, basePath, info: deps.openapi });
  const routes = [...described, ...docsRoutes(openApi)];
  const stepsOf = createRouteSteps({
    authenticate: deps.authenticate,
    rateLimit: deps.rateLimit,
    csrf: deps.csrf,
    refusalDelay: deps.refusalDelay,
    clock,
    metrics,
    idempotency: deps.idempotency,
    answers: deps.answers,
    loadShedding: deps.loadShedding,
    bodies: deps.bodies,
    abuse: deps.abuse,
    limits,
    checkResponse: createResponseCheck({ ...deps.responseValidation, logger, metrics, clock }),
  });
  const { unknownQuery = 'refuse' } = deps;
  const routing = createRouting({ routes, basePath, unknownQuery, stepsOf });
  const app = new Koa<HttpState>();
  // The error boundary answers all errors of handlers. Errors that arrive here are broken sockets, which have a code, or mistakes of the code around it.
  app.on('error', (error: Error & { readonly code?: unknown }) => {
    if (error.code === undefined) logger.error({ err: error }, 'an error outside of the error boundary');
    else logger.debug({ error: { type: error.name } }, 'response could not be sent');
  });

  const { deprecated } = routing;
  const newLineLimit = () => createLineLimit({ clock, metrics, logger });
  const steps: (HttpMiddleware | undefined)[] = [
    requestScope({
      clock,
      metrics,
      routing,
      clientIp: deps.clientIp,
      requestLog: createRequestLog(logger, deps.addressHash, newLineLimit(), newLineLimit()),
      hasRateLimits: deps.rateLimit !== undefined,
      deadlineMs: limits.requestDeadlineMs,
      streamDeadlineMs: limits.stream.timeoutMs,
    }),
    unreadBodies(limits.discardBytes),
    deprecated.length > 0 ? deprecation({ metrics, deprecated }) : undefined,
    errorBoundary({ metrics, production, holdProblem: deps.answers?.holdProblem }),
    cors(deps.corsOrigins),
    deps.answers?.middleware,
    compression(),
    checkRequest({ abuse: deps.abuse, limits }),
    routing.middleware,
    unrouted({ abuse: deps.abuse, nearPath: createNearPath(described, basePath) }),
  ];
  app.use(sequence(steps.filter((step) => step !== undefined)));
  const handle = app.callback();
  return (request, response) => void handle(request, response);
};
