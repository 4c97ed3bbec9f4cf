import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answers } from '../answers/answers.ts';
import { inOrder, type PipelineOptions } from '#src/kernel/connections/pipeline.ts';
import type { ConnectionLimit } from '../admission/connection-limit.ts';
import type { RequestListener } from '../app.ts';
import { responseWithHeaders } from './answer-head.ts';
import { createArrivalTimes } from './arrival-times.ts';
import { countedRequests, tinyChunks } from './counted-request.ts';
import { listen, type Listening } from './listen.ts';
import { createIdleConnections } from './idle-connections.ts';
import { readTarget } from './request-head.ts';
import { parserRefusal, type ParserRefusalDeps } from './parser-refusal.ts';

/** Admission, slots, log and streams of a large answer wait for its end: 11 listeners, one more than Node warns of. */
const maxResponseListeners = 20;

export type HttpServerDeps = ParserRefusalDeps & {
  readonly app: RequestListener;
  readonly answers?: Pick<Answers, 'watch' | 'cutSlowest'>;
  /** Timeout for the header section. */
  readonly headersTimeoutMs: number;
  /** Timeout for the whole request. */
  readonly requestTimeoutMs: number;
  /** The same for a `CountedRequest` that `isLong`. Default: `requestTimeoutMs`. */
  readonly longRequestTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  /** Max open connections of all clients. */
  readonly maxConnections?: number;
  readonly connections?: ConnectionLimit;
  /** Default: there is none. */
  readonly isTrustedProxy?: (address: string) => boolean;
  /** Max bytes of the header section, with the request target. */
  readonly headerBytes?: number;
  /** Max header fields of a request. The parser refuses one with more. The app has a lower limit, and its answer names it. */
  readonly maxHeaderFields?: number;
  readonly pipeline: PipelineOptions;
  /** Called before a connection is closed, because a body that nobody reads has too many tiny chunks. */
  readonly onTinyChunks: (socket: Socket) => void;
};

export type HttpServer = {
  /** @param options port 0 means any free port. @returns the port in use */
  readonly listen: (options: { readonly port: number; readonly host: string }) => Promise<number>;
  /** Starts draining: each answer now closes its connection. New requests are still served. */
  readonly drain: () => void;
  /**
   * Drains, stops listening and waits for the requests in progress. After `graceMs` in total it closes all connections.
   * Node closes idle connections as soon as it stops listening, and a request on its way to an idle connection would be
   * lost. Therefore the server still accepts requests for `lingerMs`, or until no client is connected.
   */
  readonly close: (options: { readonly graceMs: number; readonly lingerMs?: number }) => Promise<void>;
  /** Open connections. */
  readonly connections: () => number;
};

const defaultKeepAliveMs = 65_000;
/** Max interval at which Node checks for slow clients. The timeouts have this precision. */
const maxCheckIntervalMs = 1000;
/** Interval at which idle connections are closed while the server stops. */
const sweepIntervalMs = 50;
/** Interval at which a server that lingers counts its connections. */
const connectionPollMs = 20;

/** A node:http server with timeouts for slow clients, problem documents for parser errors, and draining. */
export const createHttpServer = (deps: HttpServerDeps): HttpServer => {
  const { app, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs = defaultKeepAliveMs, headerBytes } = deps;
  const { longRequestTimeoutMs = requestTimeoutMs, isTrustedProxy = () => false } = deps;
  const checkIntervalMs = Math.min(maxCheckIntervalMs, headersTimeoutMs, requestTimeoutMs);
  let draining = false;
  const server = createServer({
    IncomingMessage: countedRequests(isTrustedProxy),
    ServerResponse: responseWithHeaders(deps.production) as typeof ServerResponse,
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: Math.max(requestTimeoutMs, longRequestTimeoutMs),
    keepAliveTimeout: keepAliveTimeoutMs,
    ...(headerBytes !== undefined && { maxHeaderSize: headerBytes }),
    connectionsCheckingInterval: checkIntervalMs,
    // The app refuses a missing Host header, because Node's own answer has no body and not the usual headers.
    requireHostHeader: false,
  });
  // By default Node makes up to 1,000 fields, which take 0.4 ms and 90 KB for each request, also while it waits for its turn.
  if (deps.maxHeaderFields !== undefined) server.maxHeadersCount = deps.maxHeaderFields;
  const refuse = parserRefusal(deps);
  // Node has one timeout for all requests, so the shorter one of usual requests is measured here.
  const times = createArrivalTimes({
    timeoutMs: requestTimeoutMs,
    intervalMs: checkIntervalMs,
    isUsed: longRequestTimeoutMs > requestTimeoutMs,
    late: (request) => {
      const fault = Object.assign(new Error('The request is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
      refuse(fault, request.socket);
    },
  });
  let listening: Listening | undefined;
  const inProgress = new Set<ServerResponse>();
  const forget = function (this: ServerResponse): void {
    inProgress.delete(this);
    times.stop(this.req);
  };
  const serve: RequestListener = (request, response) => {
    if (!readTarget(request)) {
      refuse(new Error('The request target is neither a path nor a URL of HTTP'), request.socket);
      return;
    }
    if (draining) response.setHeader('Connection', 'close');
    inProgress.add(response);
    response.setMaxListeners(maxResponseListeners);
    response.on('close', forget);
    times.start(request);
    app(request, response);
  };
  const { answers } = deps;
  if (answers) server.on('connection', answers.watch);
  const { maxConnections = Infinity, connections } = deps;
  if (connections) server.on('connection', connections.admit).on('drop', connections.dropped);
  // A proxy keeps its idle connections for its next requests, and has a limit of its own for them.
  const mayEvict = ({ remoteAddress = '' }: Socket): boolean => !isTrustedProxy(remoteAddress);
  const idle = createIdleConnections(mayEvict);
  server.on('connection', idle.add);
  const makeRoom = (): boolean => {
    // Then a client that does not read its answer, because the answer of each of many connections can wait for half a minute.
    const hasRoom = idle.evict() || (answers?.cutSlowest(mayEvict) ?? false);
    if (hasRoom) connections?.evicted();
    return hasRoom;
  };
  const served = inOrder(serve, deps.pipeline);
  const serveInOrder: typeof served = (request, response) => {
    idle.serve(request, response);
    served(request, response);
  };
  server.on('request', serveInOrder);
  // `100 Continue` is sent when the body is read, so a client does not send a body that is refused by its header.
  server.on('checkContinue', serveInOrder);
  // An unknown `Expect` header is ignored.
  server.on('checkExpectation', serveInOrder);
  // All open sockets. `closeAllConnections` of Node does not know a socket that left its parser, for example by CONNECT.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).once(tinyChunks, () => deps.onTinyChunks(socket));
  });
  const closeAll = (): void => {
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  };
  server.on('clientError', refuse);
  // Without this listener, Node closes the connection of a CONNECT request without an answer.
  server.on('connect', (_, socket) => refuse(new Error('CONNECT is for proxies'), socket));

  const drain = (): void => {
    draining = true;
    for (const response of inProgress) if (!response.headersSent) response.setHeader('Connection', 'close');
  };

  return {
    listen: async (options) => {
      listening = await listen(server, {
        ...options,
        isFull: () => sockets.size >= maxConnections && !makeRoom(),
        onAcceptError: (error) => connections?.failed(error),
      });
      return listening.port;
    },
    drain,
    connections: () => sockets.size,
    close: async ({ graceMs, lingerMs = 0 }) => {
      drain();
      // Without grace time all connections close at once. A second call can end the wait of the first call this way.
      if (graceMs <= 0) closeAll();
      const startedAt = performance.now();
      while (performance.now() - startedAt < Math.min(lingerMs, graceMs) && sockets.size > 0)
        await sleep(connectionPollMs);
      const timer = setTimeout(closeAll, Math.max(0, startedAt + graceMs - performance.now()));
      // `server.close` closes the connections that are idle now. An answer that started before the drain keeps its
      // connection open, so later idle connections are closed here.
      const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
      await listening?.close();
      clearTimeout(timer);
      clearInterval(sweep);
      times.close();
    },
  };
};
