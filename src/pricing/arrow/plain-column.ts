import type { ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import type { Column } from '../batch/columns/columns.ts';
import { momentColumn } from './moment-column.ts';
import { numberColumn } from './number-column.ts';
import { textColumn } from './text-column.ts';
import type { CountText } from './text-memory.ts';
import { decimalColumn, integer64Column, nullColumn } from './wide-numbers.ts';

type PlainType = Exclude<ReadableType, { readonly kind: 'ignored' | 'dictionary' | 'list' }>;

/**
 * A column whose values stand in its own buffers.
 * @param size the rows of all chunks
 * @throws AppError `validation_failed` for texts that need too much memory
 */
export const plainColumn = (
  type: PlainType,
  chunks: readonly ColumnChunk[],
  size: number,
  countText: CountText,
): Column => {
  switch (type.kind) {
    case 'number':
      return numberColumn(type, chunks, size);
    case 'integer64':
      return integer64Column(type, chunks, size);
    case 'decimal':
      return decimalColumn(type, chunks, size);
    case 'moment':
      return momentColumn(type, chunks, size);
    case 'text':
      return textColumn(chunks, size, countText);
    default:
      return nullColumn();
  }
};
