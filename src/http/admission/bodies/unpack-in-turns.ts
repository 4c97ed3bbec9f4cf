import { AsyncLocalStorage } from 'node:async_hooks';
import { Duplex, type Transform } from 'node:stream';
import { callbackify } from 'node:util';

/** A stream of `node:zlib`. Its `readableHighWaterMark` must be below its `chunkSize`, so that it waits after each piece until it is read. */
type Plain = Transform & { readonly bytesWritten: number };

export type UnpackOptions = {
  /** Max packed bytes without the unpacked ones that belong to them. A decoder may need a whole block before it emits its bytes. */
  readonly maxAhead: number;
  /** Makes the error that ends a decompressor whose input unpacks to too little. */
  readonly refuse: () => Error;
  /** Runs work when this body has its turn. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Called with true while the client waits for the decompressor, and with false when its next bytes can come. */
  readonly busy?: (isBusy: boolean) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/**
 * Bytes that a decompressor gets at once. A thread needs up to 160 ns for a byte that unpacks to nothing, so 2.6 ms for all. The threads
 * are few, and hash passwords too.
 */
const maxBytesAtOnce = 16_384;
/** Packed bytes for each unpacked one. No encoder makes more, also one that flushes after each short line. */
const maxPackedPerByte = 2;
/** A turn has so many milliseconds, and one job of a thread at least: 64 KB of the body, or a whole window of brotli (16 MB). */
const turnMs = 2;

/**
 * Decompresses a body in turns. The four threads of libuv also hash passwords and make signatures, and their queue has no order by caller: without turns
 * the bodies of some callers keep all others waiting there. A turn ends when its job has ended, also if the body was refused meanwhile,
 * because a job cannot be cancelled. See docs/decisions/0411.
 *
 * A body whose input unpacks to nothing is ended, because no limit of the unpacked size ends it. A block of deflate can have eleven bytes of tables
 * and no content. The tables cost twenty times what usual bytes cost. What unpacked before does not count, because a megabyte of
 * blanks has a kilobyte.
 */
export const unpackInTurns = (plain: Plain, options: UnpackOptions): Duplex & { readonly bytesWritten: number } => {
  const { maxAhead, refuse, inTurn, busy, now = () => performance.now() } = options;
  const inContext = AsyncLocalStorage.snapshot();
  /** Set while a thread has a job. */
  let endJob: (() => void) | undefined;
  /** What was written last is unpacked. */
  let isDone = true;
  /** The last piece was emitted. Bytes behind it are not read. */
  let isAtEnd = false;
  let emitted = 0;
  let ahead = 0;
  let bytesBefore = 0;
  /** Resolved when the reader has room again. Undefined while it has. */
  let room: Promise<void> | undefined;
  let resume = (): void => {};

  const jobEnded = (): void => {
    endJob?.();
    endJob = undefined;
    if (outer.destroyed) plain.destroy();
  };
  // Each job of a thread ends with a piece, an error, or the end of the input.
  const push = plain.push.bind(plain);
  plain.push = (piece: Buffer | null) => {
    emitted += piece?.length ?? 0;
    isAtEnd ||= piece === null;
    const isBelowLimit = push(piece);
    jobEnded();
    return isBelowLimit;
  };
  const done = (): void => {
    isDone = true;
    jobEnded();
  };

  const isOpen = (): boolean => !isAtEnd && !outer.destroyed;
  const hasRoom = (): boolean => room === undefined;
  const give = (): void => {
    const piece = plain.read() as Buffer | null;
    if (piece === null || outer.push(piece)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    resume = resolve;
    room = promise;
  };
  const job = (start: () => void): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    endJob = resolve;
    if (outer.destroyed) jobEnded();
    else start();
    return promise;
  };

  /** @param next returns what starts the next job, undefined if there is none */
  const runJobs = async (next: () => (() => void) | undefined): Promise<void> => {
    let start = next();
    const hasWork = (): boolean => start !== undefined;
    const useTurn = async (): Promise<void> => {
      const endsAt = now() + turnMs;
      do {
        await job(start!);
        start = next();
      } while (hasWork() && hasRoom() && now() < endsAt);
    };
    while (hasWork() && !outer.destroyed) {
      room = undefined;
      await inContext(inTurn, useTurn);
      await (room as Promise<void> | undefined);
    }
    if (outer.destroyed) return;
    // What is left starts no job.
    give();
    if (isAtEnd && !outer.readableEnded) outer.push(null);
  };

  const countAhead = (): void => {
    ahead = Math.max(0, ahead + plain.bytesWritten - bytesBefore - emitted * maxPackedPerByte);
    bytesBefore = plain.bytesWritten;
    emitted = 0;
    if (ahead > maxAhead) throw refuse();
  };
  /** The end has no callback of its own: `finish` comes before the last pieces. */
  const nextOfEnd = (): (() => void) => (plain.writableEnded ? give : () => plain.end());
  const take = callbackify(async (packed: Buffer): Promise<void> => {
    busy?.(true);
    let at = 0;
    await runJobs(() => {
      if (!isOpen()) return undefined;
      if (!isDone || plain.writableEnded) return give;
      give();
      countAhead();
      const part = packed.subarray(at, at + maxBytesAtOnce);
      at += part.length;
      if (part.length > 0) {
        return () => {
          isDone = false;
          plain.write(part, done);
        };
      }
      // A small body has arrived as a whole, and needs one turn.
      return outer.writableEnded && outer.writableLength === packed.length ? nextOfEnd() : undefined;
    });
    busy?.(false);
  });
  const end = callbackify(async (): Promise<void> => {
    busy?.(true);
    await runJobs(() => (isOpen() ? nextOfEnd() : undefined));
  });

  const outer: Duplex = new Duplex({
    read: () => resume(),
    write: (packed: Buffer, _encoding, callback) => take(packed, callback),
    writev: (pieces, callback) => take(Buffer.concat(pieces.map(({ chunk }) => chunk as Buffer)), callback),
    final: end,
    destroy: (error, callback) => {
      resume();
      // A job that ends in an error says nothing if its stream was destroyed meanwhile, and its turn would not end.
      if (endJob === undefined) plain.destroy();
      callback(error);
    },
  });
  plain.on('error', (error) => {
    outer.destroy(error);
    jobEnded();
  });
  return Object.defineProperty(outer as Duplex & { readonly bytesWritten: number }, 'bytesWritten', {
    get: () => plain.bytesWritten,
  });
};
