import { decimalsOf } from '#src/kernel/arrow/decimals.ts';
import type { Column } from '../batch/columns/columns.ts';
import { isValid, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { ColumnType } from '#src/kernel/arrow/read-type.ts';

type Integer64 = Extract<ColumnType, { readonly kind: 'integer64' }>;
type Decimal = Extract<ColumnType, { readonly kind: 'decimal' }>;

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
  numbersOf(chunks, size, ({ values }) => decimalsOf(values, bytes, scale));

/** A column without values. */
export const nullColumn = (): Column => ({ at: () => undefined });
