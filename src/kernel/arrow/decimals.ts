/** Max power of ten that a number holds exactly. */
const maxExactPower = 22;

/** The integer at byte `at`, little-endian, in two's complement. */
const integerAt = (view: DataView, at: number, bytes: number): bigint => {
  if (bytes === 4) return BigInt(view.getInt32(at, true));
  let value = view.getBigInt64(at + bytes - 8, true);
  for (let word = bytes - 16; word >= 0; word -= 8) value = (value << 64n) | view.getBigUint64(at + word, true);
  return value;
};

/** `integer` times ten to the power of `-scale`, rounded once. */
const decimal = (integer: bigint, scale: number): number => {
  const number = Number(integer);
  if (Number.isSafeInteger(number) && scale >= 0 && scale <= maxExactPower) return number / 10 ** scale;
  return Number(`${integer}e${-scale}`);
};

/** The numbers of a column of decimals of `bytes` bytes, by row. */
export const decimalsOf = (values: Uint8Array, bytes: number, scale: number): ((row: number) => number) => {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return (row) => decimal(integerAt(view, row * bytes, bytes), scale);
};
