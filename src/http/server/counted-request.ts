import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import { createTurnPieces } from './turn-pieces.ts';
import { createBlocks, largeBytes } from '../admission/blocks.ts';

/**
 * Emitted once, with an AppError, by a request whose body has too many small chunks. Without a listener its socket emits the
 * same event and is closed.
 */
export const tinyChunks = 'tinyChunks';
const tooSmall = (): AppError =>
  new AppError('malformed_body', 'The body has too many tiny chunks: send chunks of at least 16 bytes on average');
const tooManyAtOnce = (): AppError =>
  new AppError('overloaded', 'Too many small chunks arrive at once: send larger chunks, or try again', {
    retryAfter: 1,
  });

/**
 * A body with chunked encoding may have this number of chunks of any size; with more, their mean size has a min. Node
 * needs about 3 microseconds for each chunk, and one read of 64 KiB can have 10,900 chunks of one byte. A line of a price
 * file has more than 16 bytes, so a client may send each line as a chunk.
 */
const freePieces = 1_024;
const minMeanPieceBytes = 16;
/**
 * Pieces of a body beyond the first ones count for all connections together, unless they are large on average. They may take
 * about 20 ms of one turn of the event loop. Addresses with few pieces get 10 ms more, so that others do not use up all of it.
 */
const uncountedPieces = 16;
const largeMeanPieceBytes = 512;
const isWithinTurn = createTurnPieces({ maxByAddress: 12_288, max: 16_384, few: 512, maxWithFew: 24_576 });
/** The connection of a body that brings this number of them in a turn is not read again in the same turn. */
const maxPiecesOfConnection = 512;

type BodyParser = Record<string, unknown>;

/**
 * Makes the parser of a connection skip the body pieces of the read that it parses now. Node offers nothing for this: a
 * parser continues to the end of the read, also when its socket is destroyed. If a later release of Node has another name
 * for the function, the pieces are not skipped. A test shows that.
 */
const skipPieces = (socket: Socket & { readonly parser?: BodyParser | null }): void => {
  const { parser } = socket;
  const key = Object.keys(parser ?? {}).find(
    (each) => (parser![each] as { name?: string } | null)?.name === 'parserOnBody',
  );
  if (key === undefined) return;
  const onBody = parser![key];
  parser![key] = undefined;
  // Node gives parsers to other connections. It does that after the close events, which come after this.
  setImmediate(() => (parser![key] = onBody));
};

type Handle = { reading: boolean; readonly readStop: () => void; readonly readStart: () => void };

/**
 * Stops the reading of a connection until the next turn of the event loop. Its socket cannot be paused for that, because whoever
 * reads the body would resume it at once. Node itself keeps `reading` in the same way.
 */
const readInNextTurn = (socket: Socket & { readonly _handle?: Handle | null }): void => {
  const handle = socket._handle;
  if (!handle?.reading) return;
  handle.reading = false;
  handle.readStop();
  setImmediate(() => {
    if (socket._handle !== handle || handle.reading || socket.isPaused()) return;
    handle.reading = true;
    handle.readStart();
  });
};

/**
 * A request that joins small pieces of its body before it queues them, also while nobody reads it. Each piece in the queue
 * of a stream takes several hundred bytes of memory, whatever its length, so a body in pieces of one byte would take
 * hundreds of times its size. The queue is limited by bytes, and not by memory.
 */
export class CountedRequest extends IncomingMessage {
  #pieces = 0;
  #piecesOfTurn = 0;
  #turnKey: string | undefined;
  #bytes = 0;
  /** Whether the body had too many tiny chunks. The connection must close after the answer. */
  isRefused = false;
  /** Whether the body may take longer than the timeout of usual requests. */
  isLong = false;
  /** Time for which the request waited to start, because many others had come in the same turn of the event loop. */
  startWaitMs = 0;
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
    // One piece of each read is given on, because a closing connection limits the bytes that it still reads.
    if (this.isRefused) {
      skipPieces(this.#socket);
      return super.push(piece);
    }
    this.#count(piece.length);
    this.#blocks.write(piece);
    // While data wait unread, more of them can be joined. Otherwise they are given on after this turn of the parser.
    if (this.readableLength === 0 || this.readableFlowing === true) this.#schedule();
    return this.#wantsMore;
  }

  /** Connections with one key share the limit of a turn for an address. */
  protected turnKey({ remoteAddress = '' }: Socket): string {
    return countedAddress(remoteAddress);
  }

  /**
   * Node calls this when the answer is sent before the body was read. Node would then no longer call `push`, so the chunks
   * of the rest would not be counted, and the limit of what a closing connection reads would not apply.
   */
  _dump(): void {
    this.resume();
  }

  override _read(size: number): void {
    this.#blocks.flush();
    super._read(size);
  }

  #count(bytes: number): void {
    this.#pieces += 1;
    this.#bytes += bytes;
    if (this.#pieces <= uncountedPieces || this.#bytes >= this.#pieces * largeMeanPieceBytes) return;
    // A body with a length has one piece for each read.
    if (this.headers['content-length'] !== undefined) return;
    const isTiny = this.#pieces >= freePieces && this.#bytes < this.#pieces * minMeanPieceBytes;
    this.#countInTurn();
    if (!isTiny && isWithinTurn((this.#turnKey ??= this.turnKey(this.#socket)))) return;
    this.isRefused = true;
    skipPieces(this.#socket);
    if (this.listenerCount(tinyChunks) > 0) {
      this.emit(tinyChunks, isTiny ? tooSmall() : tooManyAtOnce());
      return;
    }
    this.#socket.emit(tinyChunks);
    this.#socket.destroy();
  }

  #countInTurn(): void {
    if (this.#piecesOfTurn === 0) setImmediate(() => (this.#piecesOfTurn = 0));
    this.#piecesOfTurn += 1;
    // The parser first takes the rest of the read that it has.
    if (this.#piecesOfTurn === maxPiecesOfConnection) process.nextTick(readInNextTurn, this.#socket);
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

/** @returns the requests of a server: the connections of a trusted proxy belong to many clients, so each counts for itself */
export const countedRequests = (isTrustedProxy: (address: string) => boolean): typeof CountedRequest =>
  class extends CountedRequest {
    protected override turnKey(socket: Socket): string {
      const { remoteAddress = '', remotePort } = socket;
      return isTrustedProxy(remoteAddress) ? `${remoteAddress} ${remotePort}` : super.turnKey(socket);
    }
  };

/** @returns milliseconds; see `CountedRequest.startWaitMs` */
export const startWaitOf = (request: IncomingMessage): number =>
  request instanceof CountedRequest ? request.startWaitMs : 0;
