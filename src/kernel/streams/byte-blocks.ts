import { byteLengthOf } from './byte-length.ts';
import { freeBytes, freeLater } from './free-bytes.ts';

/**
 * Max bytes of a block. The system gives and takes memory in proportion to its size: for one buffer of 64 MB that is a step
 * of 5 ms and more.
 */
const maxBlockBytes = 1_048_576;

/** Many bytes in blocks, so that no step copies, allocates or releases all of them. */
export class ByteBlocks {
  readonly blocks: readonly Uint8Array[];
  readonly byteLength: number;
  readonly #memory: readonly Uint8Array[];

  /** @param memory what `release` releases, if the blocks are parts of it */
  constructor(blocks: readonly Uint8Array[], memory = blocks) {
    this.blocks = blocks;
    this.#memory = memory;
    this.byteLength = byteLengthOf(blocks);
  }

  static of(bytes: Uint8Array | ByteBlocks): ByteBlocks {
    return bytes instanceof ByteBlocks ? bytes : new ByteBlocks([bytes]);
  }

  /** As `release`. A caller that gives a buffer keeps it, and one that gives blocks leaves them. */
  static release(bytes: Uint8Array | ByteBlocks): void {
    if (bytes instanceof ByteBlocks) bytes.release();
  }

  /** The first bytes, at most `maxBytes`. More than one block is copied, in one step. */
  start(maxBytes: number): Uint8Array {
    const [first] = this.blocks;
    const length = Math.min(maxBytes, this.byteLength);
    if (first !== undefined && first.byteLength >= length) return first.subarray(0, length);
    const joined = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const block of this.blocks) {
      if (at === length) break;
      const part = block.subarray(0, length - at);
      joined.set(part, at);
      at += part.byteLength;
    }
    return joined;
  }

  /**
   * Releases the memory in the next turns of the event loop. Nobody may read the bytes any more, also no write that waits. Without it
   * the memory stays until a collection of the whole heap, which 64 MB of bytes cause.
   */
  release(): void {
    freeLater(this.#memory);
  }

  /** All bytes, joined in one step, so only for few of them. */
  joined(): Uint8Array {
    return this.start(this.byteLength);
  }
}

export type BlockWriter = {
  /** Copies a piece and releases its memory, so that the next piece can use it. */
  readonly write: (piece: Buffer) => void;
  /** The blocks. Nothing may be written after this. */
  readonly end: () => ByteBlocks;
};

/** Copies pieces into blocks. A block is as large as all before it together, up to the max, so few bytes stay unused. */
export const createBlockWriter = (): BlockWriter => {
  const blocks: Buffer[] = [];
  let total = 0;
  /** Bytes of the last block that are written. */
  let used = 0;

  const roomFor = (bytes: number): Buffer => {
    const last = blocks.at(-1);
    if (last !== undefined && used < last.length) return last;
    const block = Buffer.allocUnsafeSlow(Math.min(maxBlockBytes, Math.max(bytes, total)));
    blocks.push(block);
    used = 0;
    return block;
  };

  return {
    write: (piece) => {
      for (let at = 0; at < piece.length;) {
        const copied = piece.copy(roomFor(piece.length - at), used, at);
        at += copied;
        used += copied;
        total += copied;
      }
      freeBytes(piece);
    },
    end: () =>
      new ByteBlocks(
        blocks.map((block, index) => (index < blocks.length - 1 ? block : block.subarray(0, used))),
        blocks,
      ),
  };
};
