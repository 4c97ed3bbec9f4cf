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
};

const sweepMs = 1_000;

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

  const sweep = (): void => {
    const now = clock.monotonic();
    // A late sweep means that the event loop was busy and could not write. The clients did not cause that.
    const elapsedMs = Math.min(now - sweptAt, 2 * sweepMs);
    sweptAt = now;
    for (const [socket, progress] of connections) {
      const { writableLength: waiting } = socket;
      const takenBytes = socket.bytesWritten - waiting;
      const earnedMs = ((takenBytes - progress.takenBytes) / minBytesPerSecond) * 1_000;
      progress.takenBytes = takenBytes;
      progress.allowanceMs = waiting === 0 ? graceMs : Math.min(graceMs, progress.allowanceMs - elapsedMs + earnedMs);
      if (progress.allowanceMs > 0) continue;
      connections.delete(socket);
      onCut(socket);
      // Without the reset the kernel would keep the accepted bytes and try to send them for minutes.
      socket.resetAndDestroy();
    }
  };
  setInterval(sweep, sweepMs).unref();

  return {
    watch: (socket) => {
      connections.set(socket, { takenBytes: 0, allowanceMs: graceMs });
      socket.once('close', () => connections.delete(socket));
    },
  };
};
