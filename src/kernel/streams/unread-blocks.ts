import type { ByteBlocks } from './byte-blocks.ts';

/** Stored bytes that are read only when they are sent: for a client that has them already, and for HEAD, nothing is read. */
export class UnreadBlocks {
  /** @throws AppError if the bytes cannot be read, or were removed meanwhile */
  readonly read: () => Promise<ByteBlocks>;

  readonly byteLength: number;

  constructor(byteLength: number, read: () => Promise<ByteBlocks>) {
    this.byteLength = byteLength;
    this.read = read;
  }
}
