import { connect, type Socket } from 'node:net';

export type SlowReader = {
  readonly socket: Socket;
  /** The status of the answer; 0 when the connection ended without one. */
  readonly status: Promise<number>;
  /** Resolves when the service has closed or cut the connection. */
  readonly closed: Promise<void>;
};

/** Sends `bytes`, reads the head of the answer and then nothing more of an answer with status 200. */
export const startSlowReader = (port: number, bytes: string | Buffer): SlowReader => {
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  const status = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  socket.once('data', (chunk) => {
    const code = Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0);
    if (code === 200) socket.pause();
    status.resolve(code);
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    status.resolve(0);
    closed.resolve();
  });
  return { socket, status: status.promise, closed: closed.promise };
};
