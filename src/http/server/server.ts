import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answers } from '../answers/answers.ts';
import { inOrder, type PipelineOptions } from '../admission/pipeline.ts';
import type { ConnectionLimit } from '../admission/connection-limit.ts';
import type { RequestListener } from '../app.ts';
import { parserRefusal, type ParserRefusalDependencies } from './parser-refusal.ts';

export type HttpServerDependencies = ParserRefusalDependencies & {
  readonly app: RequestListener;
  readonly answers?: Pick<Answers, 'watch'>;
  /** Milliseconds for the header section to arrive. */
  readonly headersTimeoutMs: number;
  /** Milliseconds for the whole request to arrive. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs?: number;
  /** Max open connections of all clients. */
  readonly maxConnections?: number;
  readonly connections?: ConnectionLimit;
  /** Bytes of the header section, request target included. */
  readonly headerBytes?: number;
  readonly pipeline: PipelineOptions;
};

export type HttpServer = {
  /** @returns the port really used */
  readonly listen: (options: { readonly port: number; readonly host: string }) => Promise<number>;
  /** From now on every answer closes its connection; new requests are still served. */
  readonly drain: () => void;
  /**
   * Drains, stops listening and waits for the requests in progress, at most `graceMs` in all; then cuts what is left.
   * Node closes idle connections as soon as it stops listening, and with them requests that are on their way: for
   * `lingerMs`, or until nobody is connected, everything is still served.
   */
  readonly close: (options: { readonly graceMs: number; readonly lingerMs?: number }) => Promise<void>;
};

const defaultKeepAliveMs = 65_000;
/** How often Node looks for slow clients: the timeouts are exact to this. */
const longestCheckIntervalMs = 1000;
const sweepIntervalMs = 50;
/** How often a lingering server looks whether anybody is still connected. */
const lookAgainMs = 20;

/** A node:http server that cuts slow clients, answers what the parser refuses, and can be drained. */
export const createHttpServer = (deps: HttpServerDependencies): HttpServer => {
  const { app, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs = defaultKeepAliveMs, headerBytes } = deps;
  let draining = false;
  const server: Server = createServer({
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    ...(headerBytes !== undefined && { maxHeaderSize: headerBytes }),
    connectionsCheckingInterval: Math.min(longestCheckIntervalMs, headersTimeoutMs, requestTimeoutMs),
    // Node's own refusal has no body and none of our headers; the app refuses instead.
    requireHostHeader: false,
  });
  const inProgress = new Set<ServerResponse>();
  const serve: RequestListener = (request, response) => {
    if (draining) response.setHeader('Connection', 'close');
    inProgress.add(response);
    response.once('close', () => inProgress.delete(response));
    app(request, response);
  };
  const { answers } = deps;
  if (answers) server.on('connection', answers.watch);
  const { maxConnections, connections } = deps;
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  if (connections) server.on('connection', connections.admit).on('drop', connections.dropped);
  const serveInOrder = inOrder(serve, deps.pipeline);
  server.on('request', serveInOrder);
  // The body is asked for when it is read: a request that is refused by its head never sends it.
  server.on('checkContinue', serveInOrder);
  // An expectation that we do not know is no reason to refuse: the request is served as it is.
  server.on('checkExpectation', serveInOrder);
  const refuse = parserRefusal(deps);
  server.on('clientError', refuse);
  // Node hangs up on CONNECT without a word where nobody listens for it.
  server.on('connect', (_, socket) => refuse(new Error('CONNECT is for proxies'), socket));

  const isConnected = async (): Promise<boolean> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count > 0)));

  const drain = (): void => {
    draining = true;
    for (const response of inProgress) if (!response.headersSent) response.setHeader('Connection', 'close');
  };

  return {
    listen: async ({ port, host }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host }, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    drain,
    close: async ({ graceMs, lingerMs = 0 }) => {
      drain();
      // At once where no time is given: a second call may cut short what the first one waits for.
      if (graceMs <= 0) server.closeAllConnections();
      const begun = performance.now();
      while (performance.now() - begun < Math.min(lingerMs, graceMs) && (await isConnected())) await sleep(lookAgainMs);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), Math.max(0, begun + graceMs - performance.now()));
        // Node closes those that are idle by now; an answer that had begun before the drain leaves its connection open.
        const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
        server.close(() => {
          clearTimeout(timer);
          clearInterval(sweep);
          resolve();
        });
      });
    },
  };
};
