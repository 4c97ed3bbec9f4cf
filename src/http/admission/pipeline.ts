import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;
type Pending = readonly [IncomingMessage, ServerResponse];
type Connection = { busy: boolean; paused: boolean; readonly waiting: Pending[] };

export type PipelineOptions = {
  /** Requests of one connection that wait for the answers before theirs. */
  readonly maxWaiting: number;
  /** The connection is cut, because its client sent more than that. */
  readonly onExcess: (socket: Socket) => void;
};

/** Connections with so many waiting requests are not read from: a client that sends on is held up by TCP. */
const pauseAt = 32;
/** All connections together, as a multiple of `maxWaiting`: beyond it only connections below `pauseAt` may add. */
const connectionsAtMax = 16;

/**
 * Serves the requests of a connection one after the other. HTTP/1.1 answers them in their order anyway; started all at
 * once, one connection would hold as many places as it cares to send requests.
 */
export const inOrder = (serve: Listener, { maxWaiting, onExcess }: PipelineOptions): Listener => {
  const connections = new WeakMap<Socket, Connection>();
  let totalWaiting = 0;

  const start = (socket: Socket, connection: Connection, request: IncomingMessage, response: ServerResponse): void => {
    connection.busy = true;
    response.once('close', () => proceed(socket, connection));
    serve(request, response);
  };

  const proceed = (socket: Socket, connection: Connection): void => {
    connection.busy = false;
    // An answer that closes the connection leaves nobody to answer the rest to.
    if (socket.destroyed || socket.writableEnded) {
      totalWaiting -= connection.waiting.length;
      connection.waiting.length = 0;
      return;
    }
    const next = connection.waiting.shift();
    if (next === undefined) return;
    totalWaiting -= 1;
    if (connection.paused && connection.waiting.length < pauseAt) {
      connection.paused = false;
      socket.resume();
    }
    start(socket, connection, ...next);
  };

  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    // The connection is being closed: what follows the last answered request is not a request.
    if (socket.writableEnded) {
      socket.destroy();
      return;
    }
    let connection = connections.get(socket);
    if (connection === undefined) {
      connection = { busy: false, paused: false, waiting: [] };
      connections.set(socket, connection);
    }
    if (!connection.busy) {
      start(socket, connection, request, response);
      return;
    }
    const { waiting } = connection;
    if (waiting.length >= maxWaiting || (waiting.length >= pauseAt && totalWaiting >= maxWaiting * connectionsAtMax)) {
      onExcess(socket);
      socket.destroy();
      return;
    }
    waiting.push([request, response]);
    totalWaiting += 1;
    if (waiting.length >= pauseAt && !connection.paused) {
      connection.paused = true;
      socket.pause();
    }
  };
};
