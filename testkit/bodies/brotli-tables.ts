import { bitsOf, type Fields } from './bits.ts';

/** A number of 0 to 255 (RFC 7932, section 9.2). */
const numberField = (value: number): Fields => {
  if (value === 0) return [[0, 1]];
  const bits = 31 - Math.clz32(value);
  return [
    [1, 1],
    [bits, 3],
    [value - (1 << bits), bits],
  ];
};
/** A code of one symbol. */
const oneSymbol = (alphabetBits: number): Fields => [
  [1, 2],
  [0, 2],
  [0, alphabetBits],
];
/** Lengths of the codes of lengths: 0, 7 or 3, as their fixed code writes them. */
const zero: Fields[number] = [0, 2];
const seven: Fields[number] = [7, 4];
const three: Fields[number] = [3, 3];
/** The same length again, more often with each further code. */
const repeated = (code: Fields[number], counts: readonly number[]): Fields =>
  counts.flatMap((count) => [code, [count, 2] as const]);
const times = (count: number, fields: Fields): Fields => Array.from({ length: count }, () => fields).flat();

const literalTree: Fields = [[3, 2], ...times(5, [zero]), ...times(4, [three])];
const commandTree: Fields = [[3, 2], ...times(5, [zero]), seven, zero, zero, three, three];
const distanceTree: Fields = [[3, 2], ...times(5, [zero]), seven, zero, zero, seven];

/** 5 KB of brotli that unpack to nothing and make the decompressor keep 768 tables of codes, which have 2.1 MB. */
export const brotliTables = (): Buffer =>
  bitsOf([
    // A window of 64 KB. A part of 16 MB that is not the last one.
    [0, 1],
    [0, 1],
    [2, 2],
    [0xff_ff_ff, 24],
    [0, 1],
    // One type of literals, 256 types of commands, one of distances, with the largest alphabet of distances.
    ...numberField(0),
    ...numberField(255),
    ...oneSymbol(9),
    ...oneSymbol(5),
    [0, 2],
    ...numberField(0),
    [3, 2],
    [15, 4],
    [0, 2],
    // 256 trees of literals and of distances.
    ...times(2, [...numberField(255), [0, 1], ...oneSymbol(8), [0, 1]]),
    ...times(256, [
      ...literalTree,
      [0, 2],
      ...repeated([3, 2], [2, 2, 0]),
      [2, 2],
      ...repeated([3, 2], [2, 2, 0]),
      [1, 2],
      ...repeated([3, 2], [0, 2, 2, 0]),
    ]),
    ...times(256, [
      ...commandTree,
      [1, 2],
      ...repeated([0, 1], [3, 2, 2, 0]),
      [3, 2],
      ...repeated([0, 1], [0, 0, 2, 2, 0]),
    ]),
    ...times(256, [...distanceTree, [0, 1], ...repeated([1, 1], [0, 2, 2, 2, 0])]),
  ]);
