import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { AppError } from '../../kernel/catalogue/errors.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import { createRepeatedLines } from '../../kernel/logging/repeated-lines.ts';
import { systemClock } from '../../kernel/ports/clock.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import { inOrder } from '../../kernel/connections/pipeline.ts';
import { createSlowReaders } from '../../kernel/slow-readers.ts';
import { findRoute, type AdminReply, type AdminRoute } from './admin-router.ts';
import { limitAdminConnections } from './admin-connections.ts';
import { faultRoutes, type FaultChangeListener } from './fault-routes.ts';
import type { FaultControl } from '../faults.ts';
import { assertOwnHost } from './own-host.ts';
import { metricsRoute } from './metrics-route.ts';

export type AdminServerDeps = {
  readonly registry: Registry;
  /** The fault routes exist only if this is given. */
  readonly faults?: FaultControl;
  readonly onFaultChange?: FaultChangeListener;
  /** Sets the gauges that are read on demand, before each scrape. Must not throw. */
  readonly collect?: () => Promise<void>;
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
  readonly logger: Logger;
  readonly extraRoutes?: readonly AdminRoute[];
  /** Max milliseconds that a client may read below 64 KiB/s before its connection is destroyed. */
  readonly answerGraceMs?: number;
};

export type AdminServer = {
  /** @throws the system error if the address is in use */
  readonly listen: () => Promise<{ readonly port: number }>;
  readonly close: () => Promise<void>;
};

const maxBodyBytes = 16_384;
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
const maxConnections = 128;
/** Max requests of one connection that wait for earlier answers. Prometheus sends one at a time. */
const maxPipelined = 16;
const minBytesPerSecond = 65_536;
const defaultAnswerGraceMs = 30_000;

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) throw new AppError('payload_too_large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new AppError('malformed_body');
  }
};

const send = (
  response: ServerResponse,
  { status, body, contentType }: AdminReply,
  headers: Readonly<Record<string, string>>,
): void => {
  const text = body === null || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  // Without this header Node would read the rest of the body, and its length has no limit.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, {
    ...headers,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(text !== null && {
      'Content-Type': contentType ?? 'application/json',
      'Content-Length': Buffer.byteLength(text),
    }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : (text ?? undefined));
};

const problem = (error: AppError, instance: string, requestId: string): AdminReply => ({
  status: error.definition.status,
  contentType: 'application/problem+json',
  body: {
    type: `/problems/${error.code}`,
    title: error.definition.title,
    status: error.definition.status,
    detail: error.message,
    instance,
    code: error.code,
    category: error.definition.category,
    request_id: requestId,
    ...(error.errors && { errors: error.errors, errors_total: error.errorsTotal }),
  },
});

/** The HTTP server for operators, on a separate address that must not be public: metrics, faults and `extraRoutes`. */
export const createAdminServer = (deps: AdminServerDeps): AdminServer => {
  const {
    faults,
    onFaultChange = async () => {},
    host,
    port,
    logger,
    extraRoutes = [],
    answerGraceMs = defaultAnswerGraceMs,
  } = deps;
  const routes = [
    metricsRoute({ ...deps, clock: systemClock }),
    ...(faults ? faultRoutes(faults, onFaultChange) : []),
    ...extraRoutes,
  ];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = uuidv7();
    const headers: Record<string, string> = { 'X-Request-ID': requestId };
    // Not parsed by URL, because it throws for some request targets.
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    try {
      assertOwnHost(request);
      const { route, parameters } = findRoute(routes, request.method ?? '', path);
      const body = (): Promise<unknown> => readBody(request);
      const query = new URLSearchParams(search);
      send(response, await route.handle({ parameters, query, headers: request.headers, body }), headers);
    } catch (error) {
      const refusal =
        error instanceof AppError ? error : new AppError('internal_error', 'An unexpected error occurred');
      if (refusal !== error) logger.error({ error, request_id: requestId }, 'an admin request failed');
      send(response, problem(refusal, path, requestId), { ...headers, ...refusal.headers });
    }
  };

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response).catch((error: unknown) => {
      logger.warn({ error }, 'an admin response could not be sent');
      response.destroy();
    });
  };
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs },
    inOrder(serve, {
      maxWaiting: maxPipelined,
      onExcess: () => logger.warn({}, 'a client of the admin port sends too many requests at once and is cut off'),
    }),
  );
  limitAdminConnections(server, maxConnections);
  const slowReaders = createSlowReaders({
    clock: systemClock,
    minBytesPerSecond,
    graceMs: answerGraceMs,
    onCut: () => logger.warn({}, 'a client of the admin port does not read its answers and is cut off'),
  });
  server.on('connection', slowReaders.watch);
  const warn = createRepeatedLines({ clock: systemClock, logger });

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          // A connection that the system cannot accept. Without a listener the event ends the process.
          server.on('error', (error) => warn('accept', { err: error }, 'the admin port could not accept a connection'));
          resolve({ port: (server.address() as AddressInfo).port });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
