import type { Transform } from 'node:stream';

/**
 * Bytes that a decompressor gets at once. A thread needs up to 160 ns for a byte that unpacks to nothing, so 2.6 ms for all. The threads
 * are few, and hash passwords too.
 */
const maxBytesAtOnce = 16_384;
/** Packed bytes for each unpacked one. No encoder makes more, also one that flushes after each short line. */
const maxPackedPerByte = 2;

type EmptyInputOptions = {
  /** Max packed bytes without the unpacked ones that belong to them. A decoder may need a whole block before it emits its bytes. */
  readonly maxAhead: number;
  /** Makes the error that ends a decompressor whose input unpacks to too little. */
  readonly refuse: () => Error;
};

/**
 * Ends a decompressor whose input unpacks to nothing, because no limit of the unpacked size ends it. A block of deflate can have eleven
 * bytes of tables and no content. The tables cost twenty times what usual bytes cost. What unpacked before does not
 * count, because a megabyte of blanks has a kilobyte.
 */
export const refuseEmptyInput = (
  plain: Transform & { readonly bytesWritten: number },
  { maxAhead, refuse }: EmptyInputOptions,
): void => {
  let emitted = 0;
  let ahead = 0;
  const push = plain.push.bind(plain);
  plain.push = (piece: Buffer | null) => {
    emitted += piece?.length ?? 0;
    return push(piece);
  };
  const transform = plain._transform.bind(plain);
  plain._transform = (piece: Buffer, encoding, done) => {
    const unpackFrom = (start: number): void => {
      const end = start + maxBytesAtOnce;
      const part = piece.length <= maxBytesAtOnce ? piece : piece.subarray(start, end);
      emitted = 0;
      const bytesBefore = plain.bytesWritten;
      transform(part, encoding, (error) => {
        // A decompressor that was destroyed unpacks nothing.
        if (error || plain.destroyed) return done(error);
        const packed = plain.bytesWritten - bytesBefore;
        ahead = Math.max(0, ahead + packed - emitted * maxPackedPerByte);
        if (ahead > maxAhead) done(refuse());
        else if (end < piece.length) unpackFrom(end);
        else done();
      });
    };
    unpackFrom(0);
  };
};
