import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpMiddleware } from '../routing/types.ts';

/** How long a closing connection still takes what is on its way; without it the client may lose the answer to a reset. */
const lingerMs = 1_000;

type WithHeaders = Pick<IncomingMessage, 'headers'>;

export const hasBody = ({ headers }: WithHeaders): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/** Many HTTP clients send `{}` with a request that needs no body. */
const emptyObjectBytes = 2;

/** Whether a route that takes no body must refuse this one. */
export const hasUnexpectedBody = (request: WithHeaders): boolean =>
  hasBody(request) &&
  (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > emptyObjectBytes);

/** Whether what is left of the body is worth reading, so that the connection can be used again. */
const isSmall = (request: IncomingMessage, maxDiscardBytes: number): boolean =>
  request.headers['transfer-encoding'] === undefined &&
  Number(request.headers['content-length'] ?? 0) <= maxDiscardBytes;

/** Whether bytes of the body are still to come, more than are worth reading. */
export const isRestLarge = (request: IncomingMessage, maxDiscardBytes: number): boolean =>
  !request.complete && !isSmall(request, maxDiscardBytes);

/**
 * Replaces the end of a connection, which Node begins when an answer with `Connection: close` is sent. Node would close
 * at once, and the reset that follows unread bytes can overtake the answer.
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
      if (socket.bytesRead - before > maxDiscardBytes) socket.destroy();
    });
    request.once('end', closeSoon);
    request.resume();
  };
};

/** Node reads the rest of a body that nobody wanted to its end, however long it is. This bounds it. */
const settleUnreadBody = (request: IncomingMessage, response: ServerResponse, maxDiscardBytes: number): void => {
  if (request.readableEnded || !hasBody(request)) return;
  // RFC 9110, section 15.5.9: who did not send in time is not waited for again.
  const isLate = response.statusCode === 408 && !request.complete;
  if (isLate || isRestLarge(request, maxDiscardBytes)) {
    if (!response.headersSent) response.setHeader('Connection', 'close');
    linger(request, maxDiscardBytes);
    return;
  }
  response.once('finish', () => request.resume());
};

/** Must stand outside everything that answers. */
export const unreadBodies =
  (maxDiscardBytes: number): HttpMiddleware =>
  async (ctx, next) => {
    await next();
    settleUnreadBody(ctx.req, ctx.res, maxDiscardBytes);
  };
