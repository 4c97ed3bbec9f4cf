/** The number of bytes of all pieces together. */
export const byteLengthOf = (pieces: readonly { readonly byteLength: number }[]): number =>
  pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
