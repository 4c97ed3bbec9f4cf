import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createBlocks, largeBytes } from '../admission/blocks.ts';

/**
 * Emitted once by a request whose body has too many tiny chunks. Without a listener its socket emits the same event and is
 * closed.
 */
export const tinyChunks = 'tinyChunks';

/** Emitted by a request whose body may take longer than the timeout of usual requests. */
export const longRequest = 'longRequest';

/**
 * A body with chunked encoding may have this number of chunks of any size; with more, their mean size has a min. Node
 * needs about 3 microseconds for each chunk, so a body of one-byte chunks would keep the event loop busy for seconds.
 */
const freePieces = 4_096;
const minMeanPieceBytes = 32;
/**
 * A request that joins small pieces of its body before it queues them, also while nobody reads it. Each piece in the queue
 * of a stream takes several hundred bytes of memory, whatever its length, so a body in pieces of one byte would take
 * hundreds of times its size. The queue is limited by bytes, and not by memory.
 */
export class CountedRequest extends IncomingMessage {
  #pieces = 0;
  #bytes = 0;
  #isRefused = false;
  #isScheduled = false;
  #wantsMore = true;
  readonly #socket: Socket;
  readonly #blocks = createBlocks((piece) => (this.#wantsMore = super.push(piece)), largeBytes);

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override push(piece: unknown, encoding?: BufferEncoding): boolean {
    if (!Buffer.isBuffer(piece)) {
      this.#blocks.flush();
      return super.push(piece, encoding);
    }
    this.#count(piece.length);
    this.#blocks.write(piece);
    // While data wait unread, more of them can be joined. Otherwise they are given on after this turn of the parser.
    if (this.readableLength === 0 || this.readableFlowing === true) this.#schedule();
    return this.#wantsMore;
  }

  override _read(size: number): void {
    this.#blocks.flush();
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

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      if (!this.destroyed) this.#blocks.flush();
    });
  }
}
