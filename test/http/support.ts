import { createAddressHash } from '#src/telemetry/logs/address-hash.ts';
import { connect } from 'node:net';
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import type { Answers } from '#src/http/answers/answers.ts';
import { createConnectionLimit } from '#src/http/admission/connection-limit.ts';
import { createBodyAdmission, type BodyAdmissionOptions } from '#src/http/admission/body-admission.ts';
import { createApp, type AppDeps } from '#src/http/app.ts';
import { createClientIp, createIsTrustedProxy } from '#src/http/server/client-ip.ts';
import { createHttpServer, type HttpServer } from '#src/http/server/server.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import type { FairStarts } from '#src/kernel/connections/fair-starts.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger, type LogFields, type Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';

type Reported = {
  readonly kind: string;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
};
type Line = { readonly level: string; readonly message: string } & LogFields;

/** Keeps what rooms report. */
export const recordingMetrics = () => {
  const reported: Reported[] = [];
  const keep =
    (kind: string) =>
    (name: string, labels: object, value = 1) => {
      reported.push({ kind, name, labels: labels as Record<string, string>, value });
    };
  const metrics = {
    count: keep('count'),
    set: keep('set'),
    add: keep('add'),
    replace: () => {},
    forget: async () => {},
    observe: keep('observe'),
  } as Metrics;
  return { metrics, reported };
};

const recordingLogger = () => {
  const lines: Line[] = [];
  const keep = (level: string) => (fields: LogFields, message: string) => {
    lines.push({ level, message, ...fields });
  };
  const logger: Logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  return { logger, lines };
};

export type Setup = Partial<Omit<AppDeps, 'limits' | 'answers'>> & {
  readonly answers?: Answers;
  readonly limits?: Partial<AppDeps['limits']>;
  readonly routes: readonly Route[];
  readonly bodyAdmission?: Partial<BodyAdmissionOptions>;
  readonly pipelineLimit?: number;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly longRequestTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly starts?: FairStarts;
  readonly maxConnections?: number;
  readonly trustedProxies?: readonly string[];
};

const limits = {
  bodyLimitBytes: 1024,
  documentBodyLimitBytes: 4096,
  batchBodyLimitBytes: 4096,
  chunkBodyLimitBytes: 4096,
  stream: { maxBytes: 100_000_000, maxUnpackedBytes: 200_000_000, timeoutMs: 60_000 },
  expansion: { freeBytes: 16_777_216, maxRatio: 100 },
  jsonShape: { maxDepth: 20 },
  discardBytes: 262_144,
  queryParameters: 50,
  urlBytes: 8192,
  headerCount: 100,
  requestDeadlineMs: 30_000,
};

const bodyAdmission = {
  maxBodies: 1_000,
  maxTotalBytes: 100_000_000,
  uncountedBytes: 1_024,
  callerPercent: 50,
  minBytesPerSecond: 1_024,
  graceMs: 60_000,
};

/** The app on a real server, on a free port. */
export const serve = async (t: ExecutionContext, options: Setup) => {
  const { metrics, reported } = recordingMetrics();
  const { logger, lines } = recordingLogger();
  const abuse = recordAbuse();
  const { kinds } = abuse;
  const {
    headersTimeoutMs = 10_000,
    requestTimeoutMs = 30_000,
    keepAliveTimeoutMs = 65_000,
    production = false,
    pipelineLimit = 1_024,
    trustedProxies = [],
  } = options;
  const app = createApp({
    addressHash: createAddressHash(),
    basePath: '/api/v1',
    logger,
    metrics,
    authenticate: async () => undefined,
    abuse,
    bodies: createBodyAdmission({ ...bodyAdmission, ...options.bodyAdmission }, { metrics, abuse }),
    production,
    responseValidation: { strict: true, percent: 100 },
    clientIp: createClientIp({ trustedProxies }),
    corsOrigins: [],
    openapi: { title: 'Test', version: '1.0.0' },
    ...options,
    limits: { ...limits, ...options.limits },
  });
  const isTrustedProxy = createIsTrustedProxy(trustedProxies);
  const server: HttpServer = createHttpServer({
    app,
    ...(options.answers && { answers: options.answers }),
    headersTimeoutMs,
    requestTimeoutMs,
    ...(options.longRequestTimeoutMs !== undefined && { longRequestTimeoutMs: options.longRequestTimeoutMs }),
    keepAliveTimeoutMs,
    ...(options.maxConnections !== undefined && {
      maxConnections: options.maxConnections,
      connections: createConnectionLimit({
        maxByAddress: 1_000,
        isTrustedProxy,
        metrics,
        clock: systemClock,
        logger: silentLogger,
      }),
    }),
    isTrustedProxy,
    maxHeaderFields: { ...limits, ...options.limits }.headerCount + 1,
    pipeline: {
      maxWaiting: pipelineLimit,
      onExcess: () => abuse.refused('concurrency_by_caller'),
      ...(options.starts && { starts: options.starts }),
    },
    onTinyChunks: () => abuse.refused('body_structure'),
    logger,
    metrics,
    clock: systemClock,
    production,
  });
  const port = await server.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(async () => server.close({ graceMs: 0 }));
  const call = async (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, init);
  /** Sends bytes as they are and gives back everything until the server closes or `untilMs` have passed. */
  const raw = async (bytes: string | Buffer, untilMs = 500): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      let answer = '';
      const timer = setTimeout(() => socket.destroy(), untilMs);
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  return { call, raw, port, server, reported, lines, kinds };
};

export const jsonBody = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

/** The members of a route for everybody without limits. */
export const openRoute = {
  tag: 'test',
  summary: 'For tests',
  auth: 'public',
  rateLimit: 'none',
  load: 'none',
  errors: [],
} as const;

/** A GET route for everybody, with an empty answer after `work`. */
export const publicRoute = (
  path: `/${string}`,
  work: () => void | Promise<void>,
  rateLimit: 'none' | 'caller' = 'none',
) =>
  defineRoute({
    ...openRoute,
    method: 'GET',
    path,
    rateLimit,
    request: {},
    responses: { 200: z.strictObject({}) },
    handler: async () => {
      await work();
      return { status: 200 as const, body: {} };
    },
  });
