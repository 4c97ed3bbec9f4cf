import type { ByteBlocks } from './byte-blocks.ts';

/** Stored bytes that are read only when they are sent: a client that has them already gets 304, and nothing is read. */
export class UnreadBlocks {
  /** @throws AppError if the bytes cannot be read, or were removed meanwhile */
  readonly read: () => Promise<ByteBlocks>;

  constructor(read: () => Promise<ByteBlocks>) {
    this.read = read;
  }
}
