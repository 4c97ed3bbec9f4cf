import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createCounts } from '../counts.ts';
import { asksForUpgrade } from './asks-for-upgrade.ts';
import { createFairStarts, type FairStarts } from './fair-starts.ts';
import { hasBody } from './has-body.ts';
import { hasClearEnd } from './has-clear-end.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;
type Pending = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: string;
  readonly weight: number;
};
type Connection = { busy: boolean; paused: boolean; readonly waiting: Pending[] };

export type PipelineOptions = {
  /** Max requests of one client that wait for earlier answers on their connections. */
  readonly maxWaiting: number;
  /** Called before a connection is closed, because its client sent more requests than that. */
  readonly onExcess: (socket: Socket) => void;
  /** Called with the number of waiting requests that are not served, because their connection is closed. */
  readonly onAbandoned?: (requests: number) => void;
  /** Default: the client of a request is the address of its connection. */
  readonly starts?: FairStarts;
};

/** A connection with this many waiting requests is not read, so that TCP flow control stops the client. */
const pauseAt = 32;
/** The same while its client, or all clients together, have half of their max waiting requests. */
const pauseEarlyAt = 1;
/**
 * Max waiting requests of all clients, as a multiple of that of one client: above the first one a client may have a few, and above
 * the second one a connection may have none. A waiting request takes up to 30 KB of memory, and the parse of its head up to
 * 0.1 ms of the turn in which it comes.
 */
const clientsAtMax = 2;
const clientsWithFewAtMax = 8;
const fewOfClient = 24;
/** A request with more header fields than a usual one counts as several, because its parse and its memory grow with them. */
const fieldsOfUsual = 16;

/** Tells the parser of Node to leave the rest of a piece of data alone. */
const restIsNotHttp = 2;

/**
 * Closes a connection in the listener of one of its requests. Node would make a request of each of the 1,700 that fit into a piece of
 * data, also after `destroy`: 30 such connections held the event loop for more than a second. Node has no option for it. Its parser
 * stops at a request whose listener says that another protocol follows, so the next request is the last one that it makes.
 */
const cutOff = (socket: Socket): void => {
  const { parser } = socket as { readonly parser?: { onIncoming: (() => number) | null } | null };
  socket.destroy();
  if (parser?.onIncoming) parser.onIncoming = () => restIsNotHttp;
};

const pause = (socket: Socket, { paused }: Connection): void => {
  if (paused) socket.pause();
};

/** `rawHeaders` has the name and the value of each field. */
const weightOf = ({ rawHeaders }: IncomingMessage): number =>
  Math.max(1, Math.ceil(rawHeaders.length / 2 / fieldsOfUsual));

const peerOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? '';

/**
 * Serves the requests of a connection one after the other. HTTP/1.1 requires answers in the order of the requests
 * anyway. If all requests started at once, one connection could hold any number of slots.
 */
export const inOrder = (serve: Listener, options: PipelineOptions): Listener => {
  const { maxWaiting, onExcess, onAbandoned, starts = createFairStarts({ clientOf: peerOf }) } = options;
  const connections = new WeakMap<Socket, Connection>();
  const maxOfAll = maxWaiting * clientsAtMax;
  /** Weights of the waiting requests of each client that has some. */
  const ofClient = createCounts();
  let ofAll = 0;

  const count = (client: string, change: number): void => {
    ofAll += change;
    ofClient.change(client, change);
  };
  const pausesAt = (client: string): number =>
    ofAll * 2 > maxOfAll || ofClient.of(client) * 2 > maxWaiting ? pauseEarlyAt : pauseAt;
  const isExcess = (client: string): boolean => {
    const own = ofClient.of(client);
    const isFull = ofAll >= maxOfAll && (own >= fewOfClient || ofAll >= maxWaiting * clientsWithFewAtMax);
    return isFull || own >= maxWaiting;
  };

  const take = (socket: Socket, connection: Connection, response: ServerResponse): void => {
    connection.busy = true;
    response.on('close', () => proceed(socket, connection));
  };

  const start = (request: IncomingMessage, response: ServerResponse): void => {
    // Node's parser has dropped the bytes that came behind this request in the same piece of data. With the connection open, the
    // answer of a later request would stand where the client waits for that of a lost one. What comes behind a request without a clear
    // end may be a part of it.
    if (asksForUpgrade(request) || !hasClearEnd(request)) response.setHeader('Connection', 'close');
    serve(request, response);
  };

  const proceed = (socket: Socket, connection: Connection): void => {
    const [next] = connection.waiting;
    if (next === undefined) connection.busy = false;
    else starts.later(next.request, () => startNext(socket, connection));
  };

  const startNext = (socket: Socket, connection: Connection): void => {
    const { waiting } = connection;
    connection.busy = false;
    // The connection is closed, so the waiting requests cannot be answered.
    if (socket.destroyed || socket.writableEnded) {
      if (waiting.length > 0) onAbandoned?.(waiting.length);
      for (const { client, weight } of waiting.splice(0)) count(client, -weight);
      return;
    }
    const next = waiting.shift();
    if (next === undefined) return;
    count(next.client, -next.weight);
    if (connection.paused && waiting.length < pausesAt(next.client) && !waiting.some((each) => hasBody(each.request))) {
      connection.paused = false;
      socket.resume();
    }
    take(socket, connection, next.response);
    start(next.request, next.response);
  };

  return (request, response) => {
    const { socket } = request;
    // The connection is closed or closing, so data after the last answered request must not be processed as a request.
    if (socket.destroyed || socket.writableEnded) {
      cutOff(socket);
      return;
    }
    let connection = connections.get(socket);
    if (connection === undefined) {
      connection = { busy: false, paused: false, waiting: [] };
      connections.set(socket, connection);
    }
    if (!connection.busy) {
      take(socket, connection, response);
      starts.soon(request, () => {
        // The client may have left while the request waited, or its connection ends after an answer of the parser.
        if (response.closed || socket.destroyed || socket.writableEnded) onAbandoned?.(1);
        else start(request, response);
      });
      return;
    }
    const { waiting } = connection;
    const client = starts.clientOf(request);
    if (isExcess(client)) {
      onExcess(socket);
      cutOff(socket);
      return;
    }
    const weight = weightOf(request);
    waiting.push({ request, response, client, weight });
    count(client, weight);
    // The bodies of waiting requests are in memory and nobody reads them, so the client must wait before it sends more.
    if (waiting.length >= pausesAt(client) || hasBody(request)) {
      connection.paused = true;
      // Node reads on at the end of each message, so a pause has no effect before all of the piece is parsed.
      process.nextTick(pause, socket, connection);
    }
  };
};
