import type { Socket } from 'node:net';
import type { Clock } from './ports/clock.ts';

export type SlowReadersDeps = {
  readonly clock: Clock;
  /** Min bytes per second that a client must read while bytes wait for it. */
  readonly minBytesPerSecond: number;
  /** Max milliseconds that a client may be below that rate before its connection is destroyed. */
  readonly graceMs: number;
  /** Is called before the connection is destroyed. */
  readonly onCut: (socket: Socket) => void;
};

export type SlowReaders = {
  /** Watches a connection, and destroys it when its client reads too slowly. */
  readonly watch: (socket: Socket) => void;
  /**
   * Destroys the connection that is nearest to the end of its allowance, to make room for a new one.
   * @param mayCut false for a connection that must stay open
   * @returns false if bytes wait for no client for 2 s or longer
   */
  readonly cutSlowest: (mayCut: (socket: Socket) => boolean) => boolean;
};

const sweepMs = 1_000;

/** A connection that has used up so much of its allowance can make room. */
const minSlowMs = 2_000;

type Progress = { takenBytes: number; allowanceMs: number };

/**
 * Destroys connections of clients that do not read their answers. Each connection has an allowance of `graceMs`. The
 * allowance decreases with time while bytes wait in this process. It increases with the bytes that the kernel accepts,
 * by the time that they need at the min rate. It does not decrease while no byte waits, because then the client waits
 * for the service.
 *
 * The kernel accepts bytes in steps of up to a third of its send buffer (1.4 MB was measured on loopback), so `graceMs`
 * must be longer than the time of one step at the min rate. Node has no finer number: `socket.bytesWritten` counts the
 * bytes that the kernel has accepted or that wait for it, `socket.writableLength` the bytes that wait.
 */
export const createSlowReaders = ({ clock, minBytesPerSecond, graceMs, onCut }: SlowReadersDeps): SlowReaders => {
  const connections = new Map<Socket, Progress>();
  let sweptAt = clock.monotonic();
  /** By the last sweep, those with the least allowance last. */
  let slow: Socket[] = [];

  const cut = (socket: Socket): void => {
    connections.delete(socket);
    onCut(socket);
    // Without the reset the kernel would keep the accepted bytes and try to send them for minutes.
    socket.resetAndDestroy();
  };

  const sweep = (): void => {
    const now = clock.monotonic();
    // A late sweep means that the event loop was busy and could not write. The clients did not cause that.
    const elapsedMs = Math.min(now - sweptAt, 2 * sweepMs);
    sweptAt = now;
    const candidates: [allowanceMs: number, socket: Socket][] = [];
    for (const [socket, progress] of connections) {
      const { writableLength: waiting } = socket;
      const takenBytes = socket.bytesWritten - waiting;
      const earnedMs = ((takenBytes - progress.takenBytes) / minBytesPerSecond) * 1_000;
      progress.takenBytes = takenBytes;
      progress.allowanceMs = waiting === 0 ? graceMs : Math.min(graceMs, progress.allowanceMs - elapsedMs + earnedMs);
      if (progress.allowanceMs <= 0) cut(socket);
      else if (waiting > 0 && progress.allowanceMs <= graceMs - minSlowMs)
        candidates.push([progress.allowanceMs, socket]);
    }
    slow = candidates.sort(([one], [other]) => other - one).map(([, socket]) => socket);
  };
  setInterval(sweep, sweepMs).unref();

  return {
    cutSlowest: (mayCut) => {
      for (let socket = slow.pop(); socket !== undefined; socket = slow.pop()) {
        if (!connections.has(socket) || socket.writableLength === 0 || !mayCut(socket)) continue;
        cut(socket);
        return true;
      }
      return false;
    },
    watch: (socket) => {
      connections.set(socket, { takenBytes: 0, allowanceMs: graceMs });
      socket.once('close', () => connections.delete(socket));
    },
  };
};
