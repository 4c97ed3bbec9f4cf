import type { Column } from '../batch/columns.ts';
import { isValid, valuesOf, type ColumnChunk } from './read-batch.ts';
import type { ColumnType } from './read-type.ts';

type Integer64 = Extract<ColumnType, { readonly kind: 'integer64' }>;
type Decimal = Extract<ColumnType, { readonly kind: 'decimal' }>;

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

const numbersOf = (
  chunks: readonly ColumnChunk[],
  size: number,
  read: (chunk: ColumnChunk) => (row: number) => number,
): Column => {
  const numbers = new Float64Array(size).fill(Number.NaN);
  const nulls = new Uint8Array(size);
  let next = 0;
  for (const chunk of chunks) {
    const at = read(chunk);
    for (let row = 0; row < chunk.length; row++, next++) {
      if (isValid(chunk, row)) numbers[next] = at(row);
      else nulls[next] = 1;
    }
  }
  return { numbers, at: (index) => (nulls[index] === 1 ? undefined : numbers[index]) };
};

/** Integers of 64 bits as the nearest number: exact up to 2^53, which is above the range of every input. */
export const integer64Column = ({ layout }: Integer64, chunks: readonly ColumnChunk[], size: number): Column =>
  numbersOf(chunks, size, (chunk) => {
    const values = valuesOf(chunk.values, layout, chunk.length);
    return (row) => Number(values[row]);
  });

export const decimalColumn = ({ bytes, scale }: Decimal, chunks: readonly ColumnChunk[], size: number): Column =>
  numbersOf(chunks, size, ({ values }) => {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    return (row) => decimal(integerAt(view, row * bytes, bytes), scale);
  });

/** A column without values. */
export const nullColumn = (): Column => ({ at: () => undefined });
