import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from './tally.ts';

export type RawRequest = {
  readonly port: number;
  /** Sent as `X-Forwarded-For`. */
  readonly address: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** `Content-Length`, if it differs from the length of `body`. */
  readonly announcedBytes?: number;
  /** Called after the head and the body are sent. `ended` is aborted when the socket closes. */
  readonly afterwards?: (socket: Socket, ended: AbortSignal) => Promise<void>;
  /**
   * The client reads nothing for this time. After it, the client checks whether the service has closed the connection.
   */
  readonly unreadMs?: number;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
};

/**
 * After the unread time, a client that reads more than this proves that the service still sends. The buffers of the
 * kernel hold less.
 */
const maxReadLateBytes = 24 * 1_048_576;

const headOf = ({ method, path, headers = {}, address, body, announcedBytes }: RawRequest): string => {
  const length = announcedBytes ?? body?.byteLength;
  const fields = {
    Host: '127.0.0.1',
    'X-Forwarded-For': address,
    Connection: 'close',
    ...(length !== undefined && headers['Transfer-Encoding'] === undefined && { 'Content-Length': String(length) }),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
};

/** Ends the connection with a reset after a time. */
export const leaveAfter =
  (ms: number): NonNullable<RawRequest['afterwards']> =>
  async (socket, ended) => {
    await sleep(ms, undefined, { signal: ended }).catch(() => {});
    if (!socket.destroyed) socket.resetAndDestroy();
  };

type Reader = { readonly take: (chunk: Buffer) => void; readonly outcome: () => Outcome; readonly bytes: () => number };

/** Keeps the first bytes of the answer and counts the others. */
const createReader = (): Reader => {
  let head = '';
  let bytes = 0;
  return {
    take: (chunk) => {
      bytes += chunk.byteLength;
      if (head.length < 8_192) head += chunk.toString('latin1', 0, 8_192);
    },
    bytes: () => bytes,
    outcome: () => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
      const headBytes = head.indexOf('\r\n\r\n') + 4;
      if (status === undefined || headBytes < 4) return 'cut';
      const length = /^content-length: (\d+)/im.exec(head.slice(0, headBytes))?.[1];
      return length !== undefined && bytes - headBytes < Number(length) ? 'cut' : Number(status);
    },
  };
};

/** Sends one request on its own socket, without the checks of an HTTP client. The promise never rejects. */
export const rawRequest = async (request: RawRequest): Promise<Outcome> => {
  const { port, body, afterwards, unreadMs = 0, timeoutMs = 40_000, signal } = request;
  const reader = createReader();
  const ended = new AbortController();
  const socket = connect({ port, host: '127.0.0.1' });
  const result = new Promise<Outcome>((resolve) => {
    const finish = (outcome: Outcome): void => {
      resolve(outcome);
      ended.abort();
      socket.destroy();
    };
    const hold = (): void => finish('held');
    signal.addEventListener('abort', hold, { once: true });
    const timer = setTimeout(hold, timeoutMs);
    let connected = false;
    socket.on('connect', () => {
      connected = true;
      socket.write(headOf(request));
      if (body !== undefined) socket.write(body);
      void afterwards?.(socket, ended.signal);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', hold);
      finish(connected ? reader.outcome() : 'no connection');
    });
    const read = (): void => {
      socket.on('data', (chunk) => {
        reader.take(chunk);
        if (unreadMs > 0 && reader.bytes() > maxReadLateBytes) hold();
      });
      socket.on('end', () => socket.destroy());
    };
    if (unreadMs === 0) read();
    else void sleep(unreadMs, undefined, { signal: ended.signal }).then(read, () => {});
  });
  return result;
};
