import type { Auth } from '../auth/index.ts';
import {
  createAnswers,
  createApp,
  createBodyAdmission,
  createHealth,
  createHttpServer,
  createLoadShedding,
  createRefusalDelay,
  createRequestStarts,
  type Health,
  type HttpServer,
  createConnectionLimit,
  connectionsWithin,
  createClientIp,
  createIsTrustedProxy,
} from '../http/index.ts';
import { createIdempotency, createIdempotencyQuota } from '../idempotency/index.ts';
import type { HealthCheck } from '../kernel/ports/health.ts';
import type { AssertCallerMayStore } from '../kernel/ports/owners.ts';
import type { Route } from '../kernel/requests/route.ts';
import type { Reader, UnitOfWork } from '../kernel/ports/unit-of-work.ts';
import type { RateLimits } from '../rate-limit/index.ts';
import {
  type AdminRoute,
  type AdminServer,
  type Collector,
  createAdminServer,
  createCollectAll,
  type FaultChangeListener,
} from '../telemetry/index.ts';
import { basePath, type Base } from './base.ts';
import { callerLimits } from './caller-limits.ts';
import { openApiInfo } from './openapi-info.ts';
import { topStatementsRoute } from './top-statements-route.ts';

export type EdgeParts = {
  readonly auth: Auth;
  readonly routes: readonly Route[];
  readonly checks: readonly HealthCheck[];
  /** Run before each scrape of the metrics. */
  readonly collectors: readonly Collector[];
  readonly adminRoutes: readonly AdminRoute[];
  readonly isUnready: () => boolean;
  readonly onFaultChange: FaultChangeListener;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly rateLimits: RateLimits | undefined;
};

export type Edge = {
  readonly server: HttpServer;
  readonly admin: AdminServer;
  readonly health: Health;
};

/** Approximate memory of a connection with its parser and the objects of its request. */
const connectionBytes = 24_576;

const healthIntervalMs = 10_000;

/** Builds the two HTTP servers: the API with health and documentation, and the admin port. */
export const composeEdge = (
  base: Base,
  {
    auth,
    routes,
    checks,
    collectors,
    adminRoutes,
    isUnready,
    assertCallerMayStore,
    unitOfWork,
    reader,
    onFaultChange,
    rateLimits,
  }: EdgeParts,
): Edge => {
  const { config, production, clock, logger, metrics, abuse, addressHash, registry, faults, build, requestMemory } =
    base;
  const callers = callerLimits(config);
  const health = createHealth({ checks, clock, metrics, version: build.version, isUnready });
  // Health is also read without requests, so that the metrics show a failure and `since` is its real start.
  void health.read();
  setInterval(() => void health.read(), healthIntervalMs).unref();
  const clientIp = createClientIp({
    trustedProxies: config.TRUSTED_PROXIES,
    header: config.TRUSTED_PROXY_HEADER,
    logger,
  });
  const starts = createRequestStarts(clientIp);
  const loadShedding = createLoadShedding(
    {
      limits: {
        pricing: config.LOAD_LIMIT_PRICING,
        batch: config.LOAD_LIMIT_BATCH,
        read: config.LOAD_LIMIT_READ,
        write: config.LOAD_LIMIT_WRITE,
      },
      callerPercent: callers.percent,
      lagMs: config.LOAD_LAG_MS,
    },
    { metrics, abuse, starts },
  );
  const bodies = createBodyAdmission(
    {
      maxBodies: config.BODIES_LIMIT,
      maxTotalBytes: config.BODIES_LIMIT_BYTES,
      uncountedBytes: config.BODY_LIMIT_BYTES,
      callerPercent: callers.percent,
      minBytesPerSecond: config.BODY_MIN_BYTES_PER_SECOND,
      graceMs: config.BODY_GRACE_MS,
    },
    { metrics, abuse },
  );
  const answers = createAnswers({
    backlog: {
      maxBytes: config.ANSWER_BACKLOG_BYTES,
      maxBytesByCaller: callers.answerBytes,
      timeoutMs: config.ANSWER_TIMEOUT_MS,
      // Half of the memory of bodies is theirs alone. What they hold beyond it is taken from that of answers.
      otherBytes: () =>
        requestMemory.heldBy(['unfinished_answers']) + Math.max(0, bodies.heldBytes() - config.BODIES_LIMIT_BYTES / 2),
    },
    minBytesPerSecond: config.ANSWER_MIN_BYTES_PER_SECOND,
    graceMs: config.ANSWER_GRACE_MS,
    clock,
    metrics,
    abuse,
  });
  const app = createApp({
    answers,
    routes: [...health.routes, ...routes],
    basePath,
    openapi: openApiInfo(base),
    authenticate: auth.authenticate,
    csrf: auth.csrf,
    refusalDelay: createRefusalDelay({
      clock,
      delayMs: config.RATE_LIMIT_REFUSAL_DELAY_MS,
      maxUndelayed: config.RATE_LIMIT_UNDELAYED_REFUSALS,
    }),
    ...(rateLimits && { rateLimit: rateLimits.limit }),
    idempotency: createIdempotency({
      assertCallerMayStore,
      unitOfWork,
      metrics,
      logger,
      clock,
      quota: createIdempotencyQuota({
        maxKeysPerOwner: config.IDEMPOTENCY_KEYS_PER_OWNER,
        abuse: base.abuse,
      }),
      ttlMs: config.IDEMPOTENCY_TTL_HOURS * 3_600_000,
      leaseMs: config.IDEMPOTENCY_LEASE_MS,
    }),
    loadShedding,
    bodies,
    abuse,
    limits: {
      bodyLimitBytes: config.BODY_LIMIT_BYTES,
      documentBodyLimitBytes: config.DOCUMENT_BODY_LIMIT_BYTES,
      batchBodyLimitBytes: config.BATCH_BODY_LIMIT_BYTES,
      chunkBodyLimitBytes: config.PRICING_JOB_CHUNK_BYTES,
      stream: {
        maxBytes: config.UPLOAD_BODY_LIMIT_BYTES,
        maxUnpackedBytes: config.UPLOAD_UNPACKED_LIMIT_BYTES,
        timeoutMs: config.UPLOAD_TIMEOUT_MS,
      },
      expansion: { freeBytes: config.BODY_EXPANSION_FREE_BYTES, maxRatio: config.BODY_EXPANSION_RATIO_LIMIT },
      jsonShape: {
        maxDepth: config.JSON_DEPTH_LIMIT,
        maxValues: config.JSON_VALUES_LIMIT,
        maxItems: config.JSON_ITEMS_LIMIT,
        maxMembers: config.JSON_MEMBERS_LIMIT,
      },
      discardBytes: config.BODY_DISCARD_LIMIT_BYTES,
      queryParameters: config.QUERY_PARAMETER_LIMIT,
      urlBytes: config.URL_LIMIT_BYTES,
      headerCount: config.HEADER_COUNT_LIMIT,
      requestDeadlineMs: config.REQUEST_DEADLINE_MS,
    },
    production,
    responseValidation: { strict: !production, percent: production ? config.RESPONSE_VALIDATION_PERCENT : 100 },
    unknownQuery: config.UNKNOWN_QUERY_NAMES,
    clientIp,
    corsOrigins: config.CORS_ORIGINS,
    logger,
    metrics,
    addressHash,
    clock,
  });
  const isTrustedProxy = createIsTrustedProxy(config.TRUSTED_PROXIES);
  const abandoned = (requests: number): void => metrics.count('volwatch_http_requests_abandoned_total', {}, requests);
  // Starts the counter at 0, because a panel does not show the first value of a counter as an increase.
  abandoned(0);
  const maxConnections = connectionsWithin({ total: config.CONNECTIONS_LIMIT, byAddress: callers.connections });
  if (maxConnections.total < config.CONNECTIONS_LIMIT)
    logger.warn(
      { max_connections: maxConnections.total, max_connections_of_address: maxConnections.byAddress },
      'CONNECTIONS_LIMIT is lowered, because the limit of file descriptors is too low for it',
    );
  const server = createHttpServer({
    app,
    answers,
    headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    longRequestTimeoutMs: config.UPLOAD_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
    headerBytes: config.HEADER_LIMIT_BYTES,
    // A request with one field too many is still answered by the app, which names the limit.
    maxHeaderFields: config.HEADER_COUNT_LIMIT + 1,
    maxConnections: maxConnections.total,
    connections: createConnectionLimit({
      maxByAddress: maxConnections.byAddress,
      isTrustedProxy,
      metrics,
      clock,
      logger,
    }),
    isTrustedProxy,
    pipeline: {
      maxWaiting: config.PIPELINE_LIMIT,
      onExcess: ({ remoteAddress }) => abuse.refused('concurrency_by_caller', remoteAddress),
      onAbandoned: abandoned,
      starts,
    },
    onTinyChunks: ({ remoteAddress }) => abuse.refused('body_structure', remoteAddress),
    production,
    clock,
    logger,
    metrics,
  });
  const collect = createCollectAll({
    // Each scrape shows which dependency is down.
    first: [health.read, ...(rateLimits ? [rateLimits.collect] : [])],
    collectors,
    metrics,
    logger,
  });
  base.telemetry.startMetricExport({ registry, collect });
  const admin = createAdminServer({
    registry,
    ...(config.FAULT_INJECTION && { faults, onFaultChange }),
    collect,
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    logger,
    extraRoutes: [
      ...adminRoutes,
      topStatementsRoute({ reader, clock }),
      {
        method: 'GET',
        path: '/rate-limits/top',
        handle: () => ({ status: 200, body: { data: rateLimits?.top() ?? [] } }),
      },
    ],
  });
  requestMemory.count('bodies', bodies.heldBytes);
  requestMemory.count('answers', answers.heldBytes);
  requestMemory.count('connections', () => server.connections() * connectionBytes);
  return { server, admin, health };
};
