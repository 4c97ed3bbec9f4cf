import type { Socket } from 'node:net';
import type { Clock } from './ports/clock.ts';

export type SlowReadersDeps = {
  readonly clock: Clock;
  /** Bytes per second that a client must take while bytes wait for it. */
  readonly minBytesPerSecond: number;
  /** How long a client may fall behind that rate before it is cut off. */
  readonly graceMs: number;
  /** Is called before the connection is destroyed. */
  readonly onCut: (socket: Socket) => void;
};

export type SlowReaders = {
  /** From now on the connection is destroyed when its client reads too slowly. */
  readonly watch: (socket: Socket) => void;
};

const sweepMs = 1_000;

type Progress = { takenBytes: number; allowanceMs: number };

/**
 * Cuts off clients that do not read their answers. Each connection has an allowance of `graceMs`. Time is taken from it
 * while bytes wait in this process, and given back for bytes that the kernel has taken, at the min rate. Nothing is
 * taken while no byte waits, because then the client waits for the service.
 *
 * The kernel takes bytes in steps of up to a third of its send buffer (1.4 MB was measured on loopback), so `graceMs`
 * must be longer than such a step lasts at the min rate. Node offers no finer figure: `socket.bytesWritten` counts what
 * was given to the kernel or waits for it, `socket.writableLength` what waits.
 */
export const createSlowReaders = ({ clock, minBytesPerSecond, graceMs, onCut }: SlowReadersDeps): SlowReaders => {
  const connections = new Map<Socket, Progress>();
  let sweptAt = clock.monotonic();

  const sweep = (): void => {
    const now = clock.monotonic();
    // A busy event loop cannot write: a late sweep is not the fault of the clients.
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
      // Without the reset the kernel would keep what it has taken, and try to send it for minutes.
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
