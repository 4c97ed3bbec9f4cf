import type { Steps } from '#src/kernel/streams/turns.ts';
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
export const plainColumn = function* (
  type: PlainType,
  chunks: readonly ColumnChunk[],
  size: number,
  countText: CountText,
): Steps<Column> {
  switch (type.kind) {
    case 'number':
      return numberColumn(type, chunks, size);
    case 'integer64':
      return yield* integer64Column(type, chunks, size);
    case 'decimal':
      return yield* decimalColumn(type, chunks, size);
    case 'moment':
      return yield* momentColumn(type, chunks, size);
    case 'text':
      return yield* textColumn(chunks, size, countText);
    default:
      return nullColumn();
  }
};
