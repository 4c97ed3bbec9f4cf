import { Readable } from 'node:stream';

/** The max size of one write: the progress of a client is known in steps of this size. */
const sliceBytes = 65_536;
/** A slice holds the memory of its whole piece until it is sent: slices of larger pieces are copied. */
const copiedBytes = 1_048_576;

/**
 * The bytes of a large answer as a stream. It gives up each piece when the client has taken it, so that the memory is
 * free while the rest is sent. It owns its list of pieces: whoever makes it must not keep the pieces.
 */
export class AnswerPieces extends Readable {
  readonly byteLength: number;
  /** Is called with the size of each piece that is given up. */
  onGivenUp: ((bytes: number) => void) | undefined;
  /** The next piece stands last. */
  readonly #pieces: Uint8Array[];
  #sent = 0;

  constructor(pieces: readonly Uint8Array[]) {
    super({ highWaterMark: sliceBytes });
    this.#pieces = pieces.toReversed();
    this.byteLength = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  override _read(): void {
    for (let piece = this.#pieces.at(-1); piece !== undefined; piece = this.#pieces.at(-1)) {
      const slice = piece.subarray(this.#sent, this.#sent + sliceBytes);
      this.#sent += slice.byteLength;
      if (this.#sent === piece.byteLength) this.#giveUp(piece);
      // An empty slice would not be asked for again.
      if (slice.byteLength === 0) continue;
      this.push(piece.byteLength > copiedBytes ? Uint8Array.from(slice) : slice);
      return;
    }
    this.push(null);
  }

  #giveUp(piece: Uint8Array): void {
    this.#pieces.pop();
    this.#sent = 0;
    this.onGivenUp?.(piece.byteLength);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#pieces.length = 0;
    callback(error);
  }
}
