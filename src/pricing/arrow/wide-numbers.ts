import type { Steps } from '#src/kernel/streams/turns.ts';
import { decimalsOf } from '#src/kernel/arrow/decimals.ts';
import type { Column } from '../batch/columns/columns.ts';
import { isValid, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import { inRowSteps } from '#src/kernel/arrow/row-steps.ts';
import type { ColumnType } from '#src/kernel/arrow/read-type.ts';

type Integer64 = Extract<ColumnType, { readonly kind: 'integer64' }>;
type Decimal = Extract<ColumnType, { readonly kind: 'decimal' }>;

const numbersOf = function* (
  chunks: readonly ColumnChunk[],
  size: number,
  open: (chunk: ColumnChunk) => (row: number) => number,
): Steps<Column> {
  const numbers = new Float64Array(size).fill(Number.NaN);
  const nulls = new Uint8Array(size);
  yield* inRowSteps(chunks, (chunk, position) => {
    const at = open(chunk);
    return (start, end) => {
      for (let row = start; row < end; row++) {
        if (isValid(chunk, row)) numbers[position + row] = at(row);
        else nulls[position + row] = 1;
      }
    };
  });
  return { numbers, at: (index) => (nulls[index] === 1 ? undefined : numbers[index]) };
};

/** Integers of 64 bits as the nearest number: exact up to 2^53, which is above the range of every input. */
export const integer64Column = ({ layout }: Integer64, chunks: readonly ColumnChunk[], size: number): Steps<Column> =>
  numbersOf(chunks, size, (chunk) => {
    const values = valuesOf(chunk.values, layout, chunk.length);
    return (row) => Number(values[row]);
  });

export const decimalColumn = ({ bytes, scale }: Decimal, chunks: readonly ColumnChunk[], size: number): Steps<Column> =>
  numbersOf(chunks, size, ({ values }) => decimalsOf(values, bytes, scale));

/** A column without values. */
export const nullColumn = (): Column => ({ at: () => undefined });
