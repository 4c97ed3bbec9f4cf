export type Fields = readonly (readonly [value: number, bits: number])[];

/** Bits of a compressed stream, the lowest bit of each byte first. */
export const bitsOf = (fields: Fields): Buffer => {
  const bits = fields.flatMap(([value, length]) => Array.from({ length }, (_, bit) => (value >> bit) & 1));
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [at, bit] of bits.entries()) bytes[at >> 3]! |= bit << (at & 7);
  return bytes;
};
