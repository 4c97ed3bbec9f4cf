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
};

/**
 * Bytes that a decompressor gets at once. A thread needs up to 160 ns for a byte that unpacks to nothing, so 2.6 ms for all. The threads
 * are few, and hash passwords too.
 */
const maxBytesAtOnce = 16_384;
/** Packed bytes for each unpacked one. No encoder makes more, also one that flushes after each short line. */
const maxPackedPerByte = 2;
/** A turn has so many milliseconds, and one job of a thread at least: 64 KB of the body, or a whole window of brotli (16 MB). */
const turnMs = 5;

const partsOf = function* (packed: Buffer): Generator<Buffer, void, undefined> {
  for (let start = 0; start < packed.length; start += maxBytesAtOnce) {
    yield packed.subarray(start, start + maxBytesAtOnce);
  }
};

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
  const { maxAhead, refuse, inTurn, busy } = options;
  const inContext = AsyncLocalStorage.snapshot();
  let jobEnded = (): void => {};
  /** The last piece was emitted. Bytes behind it are not read. */
  let isAtEnd = false;
  let hasEnded = false;
  let emitted = 0;
  let ahead = 0;
  let resume = (): void => {};

  // Each job of a thread ends with a piece, an error, or the end of the input.
  const push = plain.push.bind(plain);
  plain.push = (piece: Buffer | null) => {
    emitted += piece?.length ?? 0;
    isAtEnd ||= piece === null;
    const hasRoom = push(piece);
    jobEnded();
    return hasRoom;
  };

  /** Starts a job, and waits until it has ended. */
  const job = (start: () => void): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    jobEnded = resolve;
    if (plain.destroyed) resolve();
    else start();
    return promise;
  };

  /** Gives the input to the decompressor, and its pieces to the reader. */
  const unpack = async (start: (done: () => void) => void): Promise<void> => {
    let isDone = false;
    let isStarted = false;
    /** Resolved when the reader has room again. Undefined while it has. */
    let room: Promise<void> | undefined;
    const isOpen = (): boolean => !isDone && !isAtEnd && !plain.destroyed;
    const hasRoom = (): boolean => room === undefined;
    const give = (): void => {
      const piece = plain.read() as Buffer | null;
      if (piece === null || outer.push(piece)) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      resume = resolve;
      room = promise;
    };
    const done = (): void => {
      isDone = true;
      jobEnded();
    };
    const goOn = (): void => {
      if (isStarted) return give();
      isStarted = true;
      start(done);
    };
    const useTurn = async (): Promise<void> => {
      const end = performance.now() + turnMs;
      do await job(goOn);
      while (isOpen() && hasRoom() && performance.now() < end);
    };
    while (isOpen()) {
      room = undefined;
      await inContext(inTurn, useTurn);
      await (room as Promise<void> | undefined);
    }
    // What is left starts no job.
    if (!plain.destroyed) give();
    if (isAtEnd && !hasEnded) {
      hasEnded = true;
      outer.push(null);
    }
  };

  const take = callbackify(async (packed: Buffer): Promise<void> => {
    busy?.(true);
    for (const part of partsOf(packed)) {
      if (isAtEnd || plain.destroyed) break;
      emitted = 0;
      const bytesBefore = plain.bytesWritten;
      await unpack((done) => plain.write(part, done));
      if (plain.destroyed) break;
      ahead = Math.max(0, ahead + plain.bytesWritten - bytesBefore - emitted * maxPackedPerByte);
      if (ahead > maxAhead) throw refuse();
    }
    busy?.(false);
  });
  const end = callbackify(async (): Promise<void> => {
    busy?.(true);
    // No callback: `finish` comes before the last pieces.
    await unpack(() => plain.end());
  });

  const outer: Duplex = new Duplex({
    read: () => resume(),
    write: (packed: Buffer, _encoding, callback) => take(packed, callback),
    final: end,
    destroy: (error, callback) => {
      resume();
      plain.destroy();
      callback(error);
    },
  });
  plain.on('error', (error) => {
    jobEnded();
    outer.destroy(error);
  });
  return Object.defineProperty(outer as Duplex & { readonly bytesWritten: number }, 'bytesWritten', {
    get: () => plain.bytesWritten,
  });
};
