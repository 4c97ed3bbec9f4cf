import type { Column } from '../batch/columns/columns.ts';
import { isValid, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { ColumnType } from '#src/kernel/arrow/read-type.ts';

type NumberType = Extract<ColumnType, { readonly kind: 'number' }>;

/**
 * The numbers of a column, NaN for null. A single batch of float64 without nulls is used without a copy, if it is
 * aligned.
 */
export const numberColumn = ({ layout }: NumberType, chunks: readonly ColumnChunk[], size: number): Column => {
  const [first] = chunks;
  if (chunks.length === 1 && first!.validity === undefined) {
    const values = valuesOf(first!.values, layout, size);
    if (values instanceof Float64Array) return { numbers: values, at: (index) => values[index] };
  }
  const numbers = new Float64Array(size);
  let nulls: Uint8Array | undefined;
  let start = 0;
  for (const chunk of chunks) {
    numbers.set(valuesOf(chunk.values, layout, chunk.length), start);
    if (chunk.validity !== undefined) {
      nulls ??= new Uint8Array(size);
      for (let row = 0; row < chunk.length; row++) {
        if (isValid(chunk, row)) continue;
        numbers[start + row] = Number.NaN;
        nulls[start + row] = 1;
      }
    }
    start += chunk.length;
  }
  return { numbers, at: (index) => (nulls?.[index] === 1 ? undefined : numbers[index]) };
};
