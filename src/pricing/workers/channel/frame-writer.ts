import type { Writable } from 'node:stream';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import { writePrefix } from './frame.ts';

/** A batch of 1,000 options has 100 KB. */
const usualPartBytes = 262_144;
/** Parts of large bodies that wait in the stream. A second one, so that the stream has bytes while the first one ends. */
const maxOpenParts = 2;
const numbers = 2 ** 32;

export type SentFrame = {
  /** Stops a frame whose parts have not all been written. @returns false if they have, so that it will arrive */
  readonly withdraw: () => boolean;
};

export type FrameWriter = {
  /** @param body must not change until the frame has been sent */
  readonly write: (head: unknown, body?: readonly Uint8Array[]) => SentFrame;
};

export type FrameWriterOptions = {
  /** Called when the other side has taken a part of a large body. */
  readonly onTaken?: () => void;
  /** Max bytes of the body in one part. A body up to this size is written at once. Default: 256 KB. */
  readonly maxPartBytes?: number;
};

type LargeFrame = { readonly number: number; chunks: readonly Uint8Array[]; restBytes: number };

/** Divides chunks after `bytes` without copying. */
const divide = (
  chunks: readonly Uint8Array[],
  bytes: number,
): { readonly first: readonly Uint8Array[]; readonly rest: readonly Uint8Array[] } => {
  let missing = bytes;
  let whole = 0;
  while (whole < chunks.length && chunks[whole]!.byteLength <= missing) {
    missing -= chunks[whole]!.byteLength;
    whole += 1;
  }
  const first = chunks.slice(0, whole);
  const cut = chunks[whole];
  if (cut === undefined || missing === 0) return { first, rest: chunks.slice(whole) };
  return { first: [...first, cut.subarray(0, missing)], rest: [cut.subarray(missing), ...chunks.slice(whole + 1)] };
};

/**
 * Writes frames. A large body is written in parts, and the parts of several bodies alternate. So a small frame waits for at
 * most two parts: the socket takes about 200 KB in a turn of the event loop, and a busy service needs seconds for 64 MB.
 */
export const createFrameWriter = (
  stream: Writable,
  { onTaken, maxPartBytes = usualPartBytes }: FrameWriterOptions = {},
): FrameWriter => {
  const large: LargeFrame[] = [];
  let openParts = 0;
  let nextNumber = 0;

  const writePart = (prefix: Buffer, chunks: readonly Uint8Array[], done?: () => void): void => {
    stream.cork();
    const last = chunks.at(-1);
    if (last === undefined) stream.write(prefix, done);
    else {
      stream.write(prefix);
      for (const chunk of chunks.slice(0, -1)) stream.write(chunk);
      stream.write(last, done);
    }
    stream.uncork();
  };

  const taken = (): void => {
    openParts -= 1;
    // A stream that ended has a close event of its own, and takes no more parts.
    if (stream.destroyed) return;
    onTaken?.();
    writeParts();
  };
  const writeParts = (): void => {
    for (let frame = large[0]; frame !== undefined && openParts < maxOpenParts; frame = large[0]) {
      large.shift();
      const partBytes = Math.min(maxPartBytes, frame.restBytes);
      const { first, rest } = divide(frame.chunks, partBytes);
      frame.chunks = rest;
      frame.restBytes -= partBytes;
      openParts += 1;
      writePart(
        writePrefix({ number: frame.number, headBytes: 0, partBytes, restBytes: frame.restBytes }),
        first,
        taken,
      );
      if (frame.restBytes > 0) large.push(frame);
    }
  };

  return {
    write: (head, body = []) => {
      const number = nextNumber;
      nextNumber = (nextNumber + 1) % numbers;
      const text = Buffer.from(JSON.stringify(head));
      const bodyBytes = byteLengthOf(body);
      const isSmall = bodyBytes <= maxPartBytes;
      const sizes = { partBytes: isSmall ? bodyBytes : 0, restBytes: isSmall ? 0 : bodyBytes };
      const prefix = writePrefix({ number, headBytes: text.length, ...sizes });
      writePart(Buffer.concat([prefix, text]), isSmall ? body : []);
      if (isSmall) return { withdraw: () => false };
      const frame: LargeFrame = { number, chunks: body, restBytes: bodyBytes };
      large.push(frame);
      writeParts();
      return {
        withdraw: () => {
          const at = large.indexOf(frame);
          if (at < 0) return false;
          large.splice(at, 1);
          writePart(writePrefix({ number, headBytes: 0, partBytes: 0, restBytes: 0 }), []);
          return true;
        },
      };
    },
  };
};
