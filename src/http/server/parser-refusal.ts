import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServerResponse } from 'node:http';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { problemOf, problemType, reasonPhrase } from '../problems/problem.ts';
import { createLineLimit } from '../middleware/line-limit.ts';
import { randomTraceId, serverTiming } from '../middleware/request-identity.ts';
import { listSecurityHeaders } from './security-headers.ts';

export type ParserRefusalDeps = {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly production: boolean;
};

const codes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload_too_large',
};

/** Time for the client to read the answer and to close the connection. */
const lingerMs = 1_000;

type AnswerParserError = (fault: Error & { readonly code?: string }, socket: Duplex) => void;

/** The response in progress on this socket. Node reads the same internal property before it answers a parser error. */
const answerInProgress = (socket: Duplex): ServerResponse | undefined =>
  (socket as Duplex & { readonly _httpMessage?: ServerResponse })._httpMessage;

/**
 * Answers requests that Node's HTTP parser refuses (400, 408, 431) with a problem document and the usual headers. There
 * is no request object for them, so the answer is written directly to the socket.
 */
export const parserRefusal = ({ logger, metrics, clock, production }: ParserRefusalDeps): AnswerParserError => {
  const securityHeaders = listSecurityHeaders(production);
  const mayWrite = createLineLimit({ clock, metrics, logger });
  return (fault, socket) => {
    const started = clock.monotonic();
    // Node has removed its own listener from the socket of a CONNECT request. Without one, a reset of the connection would
    // be an uncaught error and end the process.
    socket.on('error', () => {});
    if (fault.code === 'ECONNRESET' || !socket.writable || answerInProgress(socket)?.headersSent === true) {
      socket.destroy();
      return;
    }
    const error = new AppError(codes[fault.code ?? ''] ?? 'malformed_request');
    const { status, category } = error.definition;
    const requestId = uuidv7();
    const traceId = randomTraceId();
    const body = JSON.stringify(problemOf(error, { production, instance: '/', requestId, traceId }));
    const milliseconds = clock.monotonic() - started;
    const headers: readonly (readonly [string, string])[] = [
      ['Content-Type', problemType],
      ['Content-Length', String(Buffer.byteLength(body))],
      ['Connection', 'close'],
      ['Cache-Control', 'no-store'],
      ['Date', clock.now().toUTCString()],
      ['X-Request-ID', requestId],
      ['X-Trace-ID', traceId],
      ['Server-Timing', serverTiming(milliseconds, {})],
      ...securityHeaders,
    ];
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${head}\r\n${body}`);
    // The client may keep its half of the connection open for ever, and no timeout of Node applies to this socket.
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));

    const labels = { category, code: error.code, http_route: 'unmatched' };
    metrics.count('volwatch_errors_total', labels);
    metrics.observe(
      'http_server_request_duration_seconds',
      {
        http_request_method: '_OTHER',
        http_route: 'unmatched',
        http_response_status_code: String(status),
        error_type: error.code,
      },
      milliseconds / 1000,
    );
    if (!mayWrite((socket as Socket).remoteAddress ?? '')) return;
    logger.info(
      {
        request_id: requestId,
        trace_id: traceId,
        method: '_OTHER',
        route: 'unmatched',
        status,
        duration_ms: Math.round(milliseconds * 100) / 100,
        code: error.code,
        category,
      },
      'request',
    );
  };
};
