import { byteLengthOf } from './streams/byte-length.ts';
import { Readable } from 'node:stream';
import { createTurns } from './streams/turns.ts';

/** Max size of one write. The progress of a client is measured in steps of this size. */
const sliceBytes = 65_536;
/** A slice keeps the memory of its whole piece until it is sent. So slices of pieces larger than this are copied. */
const copyAboveBytes = 1_048_576;
/** Slices that wait in this stream and in the response. */
const waitingSlices = 2;

/**
 * The bytes of a large answer as a stream. It releases each piece when its last slice waits to be sent, so that the memory
 * is free while the rest is sent. The creator must not keep references to the pieces.
 */
export class AnswerPieces extends Readable {
  readonly byteLength: number;
  /** Max bytes that are in memory after their release, because slices of them wait to be sent. */
  readonly maxUnsentBytes: number;
  /** Is called with the size in bytes of each piece that is released. */
  onReleased: ((bytes: number) => void) | undefined;
  /** In reverse order: the next piece is the last. */
  readonly #pieces: Uint8Array[];
  #sentBytes = 0;
  /** A fast client takes each slice at once. Without turns, 16 MB were one turn of 24 to 60 ms. */
  readonly #turns = createTurns();

  constructor(pieces: readonly Uint8Array[]) {
    super({ highWaterMark: sliceBytes });
    this.#pieces = pieces.toReversed();
    this.byteLength = byteLengthOf(pieces);
    const held = pieces.map(({ byteLength }) => (byteLength > copyAboveBytes ? sliceBytes : byteLength));
    this.maxUnsentBytes = Math.min(this.byteLength, Math.max(0, ...held) + waitingSlices * sliceBytes);
  }

  override _read(): void {
    const turn = this.#turns.give();
    if (turn) void turn.then(() => this.#pushNext());
    else this.#pushNext();
  }

  #pushNext(): void {
    if (this.destroyed) return;
    for (let piece = this.#pieces.at(-1); piece !== undefined; piece = this.#pieces.at(-1)) {
      const slice = piece.subarray(this.#sentBytes, this.#sentBytes + sliceBytes);
      this.#sentBytes += slice.byteLength;
      if (this.#sentBytes === piece.byteLength) this.#release(piece);
      // After an empty slice the stream would not call `_read` again.
      if (slice.byteLength === 0) continue;
      this.push(piece.byteLength > copyAboveBytes ? Uint8Array.from(slice) : slice);
      return;
    }
    this.push(null);
  }

  #release(piece: Uint8Array): void {
    this.#pieces.pop();
    this.#sentBytes = 0;
    this.onReleased?.(piece.byteLength);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#pieces.length = 0;
    callback(error);
  }
}
