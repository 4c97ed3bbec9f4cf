import type { Writable } from 'node:stream';

/** A message between the service and a pricing process: plain data, and bytes that are not looked into. */
export type Frame<Head> = { readonly head: Head; readonly body: Uint8Array };

const prefixBytes = 8;
const noBytes = new Uint8Array(0);

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

/**
 * Puts frames together from the pieces in which they arrive. Each byte is copied once, into memory of the size that the
 * prefix announces; the buffer of a piece may be reused after the call.
 * @returns takes the next piece
 */
export const createFrameReader = <Head>(onFrame: (frame: Frame<Head>) => void): ((piece: Uint8Array) => void) => {
  const prefix = Buffer.alloc(prefixBytes);
  let head: Buffer | undefined;
  let body: Uint8Array = noBytes;
  let filled = 0;

  const fill = (target: Uint8Array, piece: Uint8Array): Uint8Array => {
    const taken = piece.subarray(0, target.byteLength - filled);
    target.set(taken, filled);
    filled += taken.byteLength;
    return piece.subarray(taken.byteLength);
  };

  return (piece) => {
    let rest = piece;
    let inBody = head !== undefined && filled >= head.length;
    while (rest.byteLength > 0 || inBody) {
      if (head === undefined) {
        rest = fill(prefix, rest);
        if (filled < prefixBytes) return;
        head = Buffer.allocUnsafe(prefix.readUInt32LE(0));
        const bodyBytes = prefix.readUInt32LE(4);
        body = bodyBytes === 0 ? noBytes : Buffer.allocUnsafeSlow(bodyBytes);
        filled = 0;
      } else if (filled < head.length) {
        rest = fill(head, rest);
        if (filled < head.length) return;
        inBody = true;
      } else {
        filled -= head.length;
        rest = fill(body, rest);
        if (filled < body.byteLength) {
          filled += head.length;
          return;
        }
        const frame = { head: JSON.parse(head.toString()) as Head, body };
        head = undefined;
        body = noBytes;
        filled = 0;
        inBody = false;
        onFrame(frame);
      }
    }
  };
};
