import type { Writable } from 'node:stream';

/** A message between the service and a pricing process: plain data, and bytes that are not looked into. */
export type Frame<Head> = { readonly head: Head; readonly body: readonly Uint8Array[] };

const prefixBytes = 8;

/** Two lengths of 32 bits (head, body), the head as JSON, the body. */
export const writeFrame = (stream: Writable, head: unknown, chunks: readonly Uint8Array[] = []): void => {
  const text = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32LE(text.length, 0);
  prefix.writeUInt32LE(
    chunks.reduce((sum, { byteLength }) => sum + byteLength, 0),
    4,
  );
  stream.cork();
  stream.write(Buffer.concat([prefix, text]));
  for (const chunk of chunks) stream.write(chunk);
  stream.uncork();
};

export type FrameReaderOptions<Head> = {
  readonly onFrame: (frame: Frame<Head>) => void;
  /** Whether each piece has memory of its own, which is not used again: then a body is made of the pieces, not copied. */
  readonly keepsPieces: boolean;
};

/**
 * Puts frames together from the pieces in which they arrive. Where pieces are not kept, each byte of a body is copied
 * once, into memory of the size that the prefix announces.
 * @returns takes the next piece
 */
export const createFrameReader = <Head>(options: FrameReaderOptions<Head>): ((piece: Uint8Array) => void) => {
  const { onFrame, keepsPieces } = options;
  const prefix = Buffer.alloc(prefixBytes);
  /** Prefix, then head, then body. */
  let head: Buffer | undefined;
  let body: Uint8Array[] = [];
  let bodyBytes = 0;
  /** Bytes of the part that is read now. */
  let filled = 0;
  let isInBody = false;

  /** Copies what `target` lacks. @returns the rest of the piece */
  const fill = (target: Uint8Array, piece: Uint8Array): Uint8Array => {
    const taken = piece.subarray(0, target.byteLength - filled);
    target.set(taken, filled);
    filled += taken.byteLength;
    return piece.subarray(taken.byteLength);
  };
  const fillBody = (piece: Uint8Array): Uint8Array => {
    if (!keepsPieces) return body.length === 0 ? piece : fill(body[0]!, piece);
    const taken = piece.subarray(0, bodyBytes - filled);
    if (taken.byteLength > 0) body.push(taken);
    filled += taken.byteLength;
    return piece.subarray(taken.byteLength);
  };
  const startBody = (): void => {
    isInBody = true;
    filled = 0;
    body = keepsPieces || bodyBytes === 0 ? [] : [Buffer.allocUnsafeSlow(bodyBytes)];
  };
  const end = (): void => {
    const frame = { head: JSON.parse(head!.toString()) as Head, body };
    head = undefined;
    body = [];
    filled = 0;
    isInBody = false;
    onFrame(frame);
  };

  return (piece) => {
    let rest = piece;
    while (rest.byteLength > 0) {
      if (head === undefined) {
        rest = fill(prefix, rest);
        if (filled < prefixBytes) return;
        head = Buffer.allocUnsafe(prefix.readUInt32LE(0));
        bodyBytes = prefix.readUInt32LE(4);
        filled = 0;
      } else if (!isInBody) {
        rest = fill(head, rest);
        if (filled < head.length) return;
        startBody();
        if (bodyBytes === 0) end();
      } else {
        rest = fillBody(rest);
        if (filled === bodyBytes) end();
      }
    }
  };
};
