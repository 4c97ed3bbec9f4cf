import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type IdleConnections = {
  /** A connection was opened. */
  readonly add: (socket: Socket) => void;
  /** A request has arrived. Until its answer closes, its connection is not idle. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * Closes the connection that has been idle for the longest time.
   * @returns false if none is idle
   */
  readonly evict: () => boolean;
};

/**
 * Knows the connections without a request in progress, so that one of them can make room for a new connection. Without it, a few
 * sites could hold all connections of the service by idle ones. A connection whose client has sent a part of a head is idle too.
 * @param mayEvict false for a connection that must stay open, such as one of a trusted proxy
 */
export const createIdleConnections = (mayEvict: (socket: Socket) => boolean): IdleConnections => {
  /** In the order in which they became idle. */
  const idle = new Set<Socket>();
  /** Requests in progress of each connection that has some. */
  const inProgress = new WeakMap<Socket, number>();

  const end = function (this: ServerResponse): void {
    const { socket } = this.req;
    const left = (inProgress.get(socket) ?? 1) - 1;
    inProgress.set(socket, left);
    if (left === 0 && !socket.destroyed && mayEvict(socket)) idle.add(socket);
  };

  return {
    add: (socket) => {
      if (!mayEvict(socket)) return;
      idle.add(socket);
      socket.once('close', () => idle.delete(socket));
    },
    serve: ({ socket }, response) => {
      idle.delete(socket);
      inProgress.set(socket, (inProgress.get(socket) ?? 0) + 1);
      response.on('close', end);
    },
    evict: () => {
      const [oldest] = idle;
      if (oldest === undefined) return false;
      idle.delete(oldest);
      oldest.destroy();
      return true;
    },
  };
};
