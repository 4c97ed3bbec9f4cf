import type { Writable } from 'node:stream';

/** A message between the service and a pricing process: plain data (head) and uninterpreted bytes (body). */
export type Frame<Head> = { readonly head: Head; readonly body: readonly Uint8Array[] };

const prefixBytes = 8;

/** Writes a frame: the lengths of head and body (32 bits each, little-endian), the head as JSON, the body. */
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
  /**
   * True if each piece has its own memory, which is not reused. Then a body consists of the pieces and is not copied.
   */
  readonly keepsPieces: boolean;
};

/**
 * Reads frames from the pieces in which they arrive. Without `keepsPieces`, each byte of a body is copied once, into a
 * buffer of the announced size.
 * @returns a function that takes the next piece
 */
export const createFrameReader = <Head>(options: FrameReaderOptions<Head>): ((piece: Uint8Array) => void) => {
  const { onFrame, keepsPieces } = options;
  const prefix = Buffer.alloc(prefixBytes);
  /** Undefined while the prefix is read. */
  let head: Buffer | undefined;
  let body: Uint8Array[] = [];
  let bodyBytes = 0;
  /** Bytes already read of the current part: prefix, head or body. */
  let filled = 0;
  let isInBody = false;

  /** Copies bytes until `target` is full. @returns the rest of the piece */
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
