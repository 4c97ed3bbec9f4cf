import type { Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { connect, createServer, isIP, type AddressInfo, type Server as TcpServer } from 'node:net';
import { isLocalHost } from '#src/kernel/connections/local-host.ts';

/**
 * The event loop accepts one connection of each listening socket in a turn (libuv since 1.45). While it is busy a turn takes
 * 150 ms, and with one socket the last of 100 new clients waits for 100 turns. The kernel divides new connections among the
 * sockets. More than 128 made no difference.
 */
const listeningSockets = 128;
/** The other systems do not divide connections among the sockets of a port. */
const canShare = process.platform === 'linux';

export type Listening = {
  readonly port: number;
  /** Ends to listen. Resolves when every connection is closed. */
  readonly close: () => Promise<void>;
};

export type ListenOptions = {
  /** 0 means any free port. */
  readonly port: number;
  readonly host: string;
  /** Asked at each new connection: with true it is closed at once, and the server emits `drop`. */
  readonly isFull: () => boolean;
  /** The system could not accept a connection: it has no free file descriptor or no memory for one. */
  readonly onAcceptError: (error: Error) => void;
};

const listenOn = (server: TcpServer, options: { port: number; host: string; reusePort: boolean }): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });

const closed = (server: TcpServer): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** Time for an answer of the system whether somebody listens. */
const probeMs = 1_000;

/** False for an address of another machine, to which the error of `listen` belongs. */
const isOfThisMachine = (host: string): boolean => {
  const addresses = Object.values(networkInterfaces()).flatMap((each = []) => each.map(({ address }) => address));
  return isIP(host) === 0 || isLocalHost(host) || ['0.0.0.0', '::', ...addresses].includes(host);
};

/**
 * A second service on the same port would take a part of the connections without an error, because both allow that. So a
 * connection that succeeds means that the port is in use.
 * @throws Error `EADDRINUSE`
 */
const assertFree = async (port: number, host: string): Promise<void> => {
  if (!isOfThisMachine(host)) return;
  const isUsed = await new Promise<boolean>((resolve) => {
    const probe = connect({ port, host, timeout: probeMs });
    const end = (found: boolean) => () => {
      probe.destroy();
      resolve(found);
    };
    // Only a full queue of another service does not answer.
    probe.once('connect', end(true)).once('timeout', end(true)).once('error', end(false));
  });
  if (!isUsed) return;
  const message = `listen EADDRINUSE: address already in use ${host}:${port}`;
  throw Object.assign(new Error(message), { code: 'EADDRINUSE', syscall: 'listen', address: host, port });
};

/** Listens with several sockets on one port. All connections belong to `server`. @throws Error `EADDRINUSE` and the like */
export const listen = async (
  server: Server,
  { port, host, isFull, onAcceptError }: ListenOptions,
): Promise<Listening> => {
  if (canShare && port !== 0) await assertFree(port, host);
  // The settings of the sockets of an HTTP server.
  const others = Array.from({ length: canShare ? listeningSockets - 1 : 0 }, () =>
    createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket)).on(
      'drop',
      (data) => server.emit('drop', data),
    ),
  );
  const all: readonly TcpServer[] = [server, ...others];
  for (const each of all) {
    // The limit is for all sockets together, and Node knows only the connections of each one. Node closes a connection
    // without further work if the limit is 0.
    Object.defineProperty(each, 'maxConnections', { get: () => (isFull() ? 0 : undefined) });
  }
  const close = async (): Promise<void> => void (await Promise.all(all.map(closed)));
  try {
    const inUse = await listenOn(server, { port, host, reusePort: canShare });
    for (const each of others) await listenOn(each, { port: inUse, host, reusePort: true });
    // Node emits it for each connection that could not be accepted. Without a listener the event ends the process.
    for (const each of all) each.on('error', onAcceptError);
    return { port: inUse, close };
  } catch (error) {
    await close();
    throw error;
  }
};
