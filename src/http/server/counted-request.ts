import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Emitted once by a request whose body has too many tiny chunks. Without a listener its socket emits the same event and is
 * closed.
 */
export const tinyChunks = 'tinyChunks';

/**
 * A body with chunked encoding may have this number of chunks of any size; with more, their mean size has a min. Node
 * needs about 3 microseconds for each chunk, so a body of one-byte chunks would keep the event loop busy for seconds.
 */
const freePieces = 4_096;
const minMeanPieceBytes = 32;
/** A piece of this size or more is given on as it is. */
const largeBytes = 4_096;
const firstBlockBytes = 256;
const maxBlockBytes = 16_384;

/**
 * A request that joins small pieces of its body before it queues them, also while nobody reads it. Each piece in the queue
 * of a stream takes several hundred bytes of memory, whatever its length, so a body in pieces of one byte would take
 * hundreds of times its size. The queue is limited by bytes, and not by memory.
 */
export class CountedRequest extends IncomingMessage {
  #block: Buffer | undefined;
  #used = 0;
  #pieces = 0;
  #bytes = 0;
  #isRefused = false;
  #isScheduled = false;
  #wantsMore = true;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override push(piece: unknown, encoding?: BufferEncoding): boolean {
    if (!Buffer.isBuffer(piece)) {
      this.#flush();
      return super.push(piece, encoding);
    }
    this.#count(piece.length);
    if (piece.length >= largeBytes) {
      this.#flush();
      this.#wantsMore = super.push(piece);
      return this.#wantsMore;
    }
    this.#keep(piece);
    if (this.#used >= largeBytes) this.#flush();
    // While data wait unread, more of them can be joined. Otherwise they are given on after this turn of the parser.
    else if (this.readableLength === 0 || this.readableFlowing === true) this.#schedule();
    return this.#wantsMore;
  }

  override _read(size: number): void {
    this.#flush();
    super._read(size);
  }

  #count(bytes: number): void {
    this.#pieces += 1;
    this.#bytes += bytes;
    const isTiny = this.#pieces >= freePieces && this.#bytes < this.#pieces * minMeanPieceBytes;
    if (this.#isRefused || !isTiny || this.headers['transfer-encoding'] === undefined) return;
    this.#isRefused = true;
    if (this.emit(tinyChunks)) return;
    this.#socket.emit(tinyChunks);
    this.#socket.destroy();
  }

  /** The block grows by doubling. */
  #keep(piece: Buffer): void {
    const needed = this.#used + piece.length;
    if (this.#block === undefined || needed > this.#block.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(maxBlockBytes, Math.max(firstBlockBytes, 2 * needed)));
      this.#block?.copy(grown, 0, 0, this.#used);
      this.#block = grown;
    }
    piece.copy(this.#block, this.#used);
    this.#used = needed;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      if (!this.destroyed) this.#flush();
    });
  }

  #flush(): void {
    const block = this.#block;
    if (block === undefined) return;
    const piece = this.#used === block.length ? block : block.subarray(0, this.#used);
    this.#block = undefined;
    this.#used = 0;
    this.#wantsMore = super.push(piece);
  }
}
