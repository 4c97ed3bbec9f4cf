import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from '#src/kernel/connections/has-body.ts';
import type { HttpMiddleware } from '../routing/types.ts';
import { CountedRequest } from '../server/counted-request.ts';

/**
 * Time for which a closing connection still reads data in transit. Without it, a TCP reset could make the client lose
 * the answer.
 */
const lingerMs = 1_000;

type WithHeaders = Pick<IncomingMessage, 'headers'>;

/** Many HTTP clients send `{}` with a request that needs no body. */
const emptyObjectBytes = 2;

/** Whether a route without a request body must refuse this request. */
export const hasUnexpectedBody = (request: WithHeaders): boolean =>
  hasBody(request) &&
  (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > emptyObjectBytes);

/** Whether the declared size of the body is small enough to read and discard, so that the connection can be reused. */
const isSmall = (request: IncomingMessage, maxDiscardBytes: number): boolean =>
  request.headers['transfer-encoding'] === undefined &&
  Number(request.headers['content-length'] ?? 0) <= maxDiscardBytes;

/** Whether the body has not arrived completely and its declared size is too large, or unknown, to read and discard. */
export const isRestLarge = (request: IncomingMessage, maxDiscardBytes: number): boolean =>
  !request.complete && !isSmall(request, maxDiscardBytes);

/**
 * Changes how Node closes a connection after an answer with `Connection: close`. Node would close it at once. Unread
 * bytes then cause a TCP reset, which can overtake the answer.
 */
const linger = (request: IncomingMessage, maxDiscardBytes: number): void => {
  const { socket } = request;
  const closeSoon = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (request.complete) {
      closeSoon();
      return;
    }
    const before = socket.bytesRead;
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));
    socket.end();
    request.on('data', () => {
      // The client has the rest of the time to read the answer: a reset at once could overtake it.
      if (socket.bytesRead - before > maxDiscardBytes) request.pause();
    });
    request.once('end', closeSoon);
    request.resume();
  };
};

/** Limits how much of an unread body is read. Node alone would read the body to its end, whatever its size. */
const settleUnreadBody = (request: IncomingMessage, response: ServerResponse, maxDiscardBytes: number): void => {
  // The parser has skipped pieces of this connection, maybe of the next request too.
  const isRefused = request instanceof CountedRequest && request.isRefused;
  if (isRefused && !response.headersSent) response.setHeader('Connection', 'close');
  if (request.readableEnded || !hasBody(request)) return;
  // RFC 9110, section 15.5.9: after a 408 the server closes the connection and does not wait for the rest.
  const isLate = response.statusCode === 408 && !request.complete;
  if (isLate || isRefused || isRestLarge(request, maxDiscardBytes)) {
    if (!response.headersSent) response.setHeader('Connection', 'close');
    linger(request, maxDiscardBytes);
    return;
  }
  response.once('finish', () => request.resume());
};

/** This middleware must wrap every middleware that can answer. */
export const unreadBodies =
  (maxDiscardBytes: number): HttpMiddleware =>
  async (ctx, next) => {
    await next();
    settleUnreadBody(ctx.req, ctx.res, maxDiscardBytes);
  };
