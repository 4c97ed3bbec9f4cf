import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

type Teardown = Pick<ExecutionContext, 'teardown'>;

export type RawSocket = {
  readonly socket: Socket;
  /** Everything that came back so far. */
  readonly answer: () => string;
  readonly closed: () => boolean;
};

export type RawTarget = {
  readonly port: number;
  /** Any address of 127.0.0.0/8: the client that the server sees. */
  readonly from?: string;
};

/** An open connection that has sent `bytes`; destroyed on teardown. */
export const openSocket = async (
  t: Teardown,
  { port, from = '127.0.0.1' }: RawTarget,
  bytes: string | Buffer,
): Promise<RawSocket> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  let answer = '';
  let closed = false;
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('close', () => (closed = true));
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, answer: () => answer, closed: () => closed };
};

/** Many such connections. */
export const openSockets = async (
  t: Teardown,
  target: RawTarget,
  bytes: string | Buffer,
  count: number,
): Promise<RawSocket[]> => Promise.all(Array.from({ length: count }, () => openSocket(t, target, bytes)));

/** Removes the listeners of the event that did not come: a flood waits thousands of times on one socket. */
const drainedOrClosed = async (socket: Socket): Promise<void> => {
  const over = new AbortController();
  const events = ['drain', 'close'].map(async (event) => once(socket, event, { signal: over.signal }));
  await Promise.race(events).catch(() => {});
  over.abort();
  await Promise.allSettled(events);
};

/**
 * Writes filler until `maxBytes` are handed to the kernel or the server has closed the connection.
 * @returns bytes that were handed over
 */
export const floodBody = async (
  { socket, closed }: RawSocket,
  maxBytes: number,
  wrap: (filler: Buffer) => Buffer = (filler) => filler,
): Promise<number> => {
  const filler = wrap(Buffer.alloc(65_536, 0x20));
  let sent = 0;
  while (sent < maxBytes && !closed() && socket.writable) {
    sent += filler.length;
    if (!socket.write(filler)) await drainedOrClosed(socket);
  }
  return sent;
};
