import { bitsOf, type Fields } from './bits.ts';

/** Lengths of the codes for 18 lengths of codes: only 1 and 18 (zeros that repeat) are used. */
const codeLengths = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1].map(
  (symbol) => [symbol === 18 || symbol === 1 ? 1 : 0, 3] as const,
);
const blockStart: Fields = [[0, 1], [2, 2], [0, 5], [0, 5], [14, 4], ...codeLengths];
/** Lengths of codes: 1 for one symbol, and a number of zeros. */
const one: Fields = [[0, 1]];
const zeros = (count: number): Fields => [
  [1, 1],
  [count - 11, 7],
];
/** A block of deflate (RFC 1951) with tables of its own, whose only symbol is the end of the block. */
const emptyBlock: Fields = [...blockStart, ...zeros(138), ...zeros(118), ...one, ...one, [0, 1]];
/** A block whose symbols are a blank and the end: 8 blanks and the end. */
const blanksBlock: Fields = [
  ...blockStart,
  ...zeros(32),
  ...one,
  ...zeros(138),
  ...zeros(85),
  ...one,
  ...one,
  [0, 8],
  [1, 1],
];
/** Eight blocks end at the end of a byte. */
const eightOf = (block: Fields): Buffer => bitsOf(Array.from({ length: 8 }, () => block).flat());
const deflateBlocks = eightOf(emptyBlock);

/** A block of brotli (RFC 7932) with metadata of 0 bytes. The first one follows the size of the window. */
const metadata = [
  [0, 1],
  [3, 2],
  [0, 1],
  [0, 2],
] as const;

type EmptyBlocks = { readonly head: Buffer; readonly blocks: Buffer };

/** The beginning of a stream of each coding, and blocks that follow it and each other and unpack to nothing. */
export const emptyBlocks: Readonly<Record<'gzip' | 'deflate' | 'br' | 'zstd', EmptyBlocks>> = {
  gzip: { head: Buffer.from('1f8b08000000000000ff', 'hex'), blocks: deflateBlocks },
  deflate: { head: Buffer.from('789c', 'hex'), blocks: deflateBlocks },
  br: { head: bitsOf([[0, 1], ...metadata]), blocks: bitsOf(metadata) },
  // A frame with a window of 128 KB. Its blocks are of raw bytes, and have none.
  zstd: { head: Buffer.from('28b52ffd0038', 'hex'), blocks: Buffer.alloc(3) },
};

/** A body of that many bytes that unpacks to nothing. Its stream does not end. */
export const emptyBody = (encoding: keyof typeof emptyBlocks, bytes: number): Buffer => {
  const { head, blocks } = emptyBlocks[encoding];
  return Buffer.concat([head, Buffer.alloc(bytes - head.length, blocks)]);
};

/** Blocks of deflate that unpack to 8 blanks for 13 bytes, so that no limit of packed bytes ends them. Each has tables of its own. */
export const costlyBlocks = eightOf(blanksBlock);
