import type { Steps } from '#src/kernel/streams/turns.ts';
import type { Column } from '../batch/columns/columns.ts';
import { isValid, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import { inRowSteps } from '#src/kernel/arrow/row-steps.ts';
import type { ColumnType } from '#src/kernel/arrow/read-type.ts';

type MomentType = Extract<ColumnType, { readonly kind: 'moment' }>;

const MS_PER_DAY = 86_400_000;
/** Max milliseconds of a JavaScript date. */
const MAX_MS = 8.64e15;

/** A date, or an instant in UTC, as the reader of texts takes it. */
const textOf = (ms: number): string => {
  if (!(Math.abs(ms) <= MAX_MS)) return String(ms);
  const text = new Date(ms).toISOString();
  return ms % MS_PER_DAY === 0 ? text.slice(0, text.indexOf('T')) : text;
};

/** A column of dates or timestamps, as texts. A timestamp without a time zone is one in UTC. */
export const momentColumn = function* (
  { layout, perDay }: MomentType,
  chunks: readonly ColumnChunk[],
  size: number,
): Steps<Column> {
  // Digits below a millisecond do not change a price.
  const toMs = (count: number): number => Math.round((count / perDay) * MS_PER_DAY);
  const values = new Float64Array(size).fill(Number.NaN);
  yield* inRowSteps(chunks, (chunk, position) => {
    const counts = valuesOf<Int32Array | BigInt64Array>(chunk.values, layout, chunk.length);
    return (start, end) => {
      for (let row = start; row < end; row++) {
        if (isValid(chunk, row)) values[position + row] = toMs(Number(counts[row]!));
      }
    };
  });
  const at = (index: number): string | undefined => (Number.isNaN(values[index]) ? undefined : textOf(values[index]!));
  return values.every((value) => value === values[0]) ? { at, only: at(0) } : { at };
};
