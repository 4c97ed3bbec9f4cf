import type { ByteBlocks } from './byte-blocks.ts';

export type ReadingOptions = {
  /** Aborts when nobody waits for the bytes any more. */
  readonly signal: AbortSignal;
  /** Is called before the first byte is read, because the bytes take memory from then on. May throw: then nothing is read. */
  readonly reserve: () => void;
};

/** Stored bytes that are read only when they are sent: for a client that has them already, and for HEAD, nothing is read. */
export class UnreadBlocks {
  /** @throws AppError if the bytes cannot be read, or were removed meanwhile; the reason of `signal`, and what `reserve` throws */
  readonly read: (options: ReadingOptions) => Promise<ByteBlocks>;

  readonly byteLength: number;

  constructor(byteLength: number, read: UnreadBlocks['read']) {
    this.byteLength = byteLength;
    this.read = read;
  }
}
