import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Limits the connections of the admin port. A new connection replaces the oldest one without a request in progress, because
 * idle connections must not keep Prometheus out. If all are in use, the new one is closed.
 */
export const limitAdminConnections = (server: Server, maxConnections: number): void => {
  /** Requests in progress of each connection, oldest connection first. */
  const connections = new Map<Socket, number>();
  server.on('connection', (socket) => {
    if (connections.size >= maxConnections) {
      const [idle] = [...connections].find(([, requests]) => requests === 0) ?? [socket];
      connections.delete(idle);
      idle.destroy();
      if (idle === socket) return;
    }
    connections.set(socket, 0);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    const add = (change: number): void => {
      const requests = connections.get(socket);
      if (requests !== undefined) connections.set(socket, requests + change);
    };
    add(1);
    response.once('close', () => add(-1));
  });
};
