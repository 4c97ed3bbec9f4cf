import { AppError } from '#src/kernel/catalogue/errors.ts';
import { contradiction, notArrow, unsupported } from '#src/kernel/arrow/faults.ts';
import type { FlatTable } from '#src/kernel/arrow/flat-table.ts';
import { ignoredType, readType, type ColumnType, type ReadableType } from '#src/kernel/arrow/read-type.ts';
import { columnsOf, type UploadColumn } from '../../columns.ts';

/** A column of the stream; `column` is undefined for one that is ignored. */
export type UploadField = {
  readonly column: UploadColumn | undefined;
  readonly type: ReadableType;
  /** The id of the dictionary of an ignored column. */
  readonly ignoredDictionary: bigint | undefined;
};

const maxFields = 256;
/** Longer than every known name. */
const maxNameBytes = 128;
/** pandas writes an index without a name as such a column. */
const unnamedIndex = /^__index_level_\d+__$/;

const textKinds: readonly ColumnType['kind'][] = ['text', 'dictionary'];
const kindsOf = (column: UploadColumn): readonly ColumnType['kind'][] => {
  if (column === 'symbol') return textKinds;
  if (column === 'date') return ['moment', ...textKinds];
  return column === 'close' ? ['number', 'integer64', 'decimal'] : ['number', 'integer64', 'decimal', 'null'];
};
const remedyOf = (column: UploadColumn): string => {
  if (column === 'symbol') return 'texts (utf8 or a dictionary)';
  return column === 'date' ? 'dates, timestamps without a time zone, or texts' : 'numbers';
};

const malformed = (detail: string): AppError =>
  new AppError('malformed_body', `The Arrow schema cannot be used: ${detail}`);

/** The columns that a schema declares. @throws AppError `malformed_body`, `validation_failed` */
export const readUploadFields = (schema: FlatTable): readonly UploadField[] => {
  if (schema.int16(0) !== 0) throw unsupported('Big-endian Arrow streams are not read; send little-endian ones');
  const vector = schema.vector(1, 4);
  if (vector.count === 0) throw notArrow('its schema has no columns');
  if (vector.count > maxFields) throw unsupported(`The schema may have at most ${maxFields} columns`);
  const tables = Array.from({ length: vector.count }, (_, index) => schema.element(vector, index));
  const names = tables.map((table) => table.text(0, maxNameBytes));
  const columns = columnsOf(names.filter((name) => !unnamedIndex.test(name)));
  if (typeof columns === 'string') throw malformed(columns);
  let next = 0;
  return tables.map((table, index): UploadField => {
    const type = readType(table);
    const isIndex = unnamedIndex.test(names[index]!);
    const column = isIndex ? undefined : columns[next++]!;
    if (table.vector(5, 4).count > 0) throw contradiction('a column of numbers or texts has columns inside it');
    const used = column === undefined ? ignoredType(table, type) : type;
    // The day of an instant with another zone than UTC depends on the rules of the zone.
    const isZoned = used.kind === 'moment' && !used.isUtc;
    if (used.kind === 'unsupported' || (column !== undefined && (isZoned || !kindsOf(column).includes(used.kind)))) {
      const what = column ?? 'the index';
      throw malformed(`${what} must be ${column ? remedyOf(column) : 'left out'}, not ${type.name}: cast it`);
    }
    const ignoredDictionary = column === undefined ? table.table(4)?.int64(0) : undefined;
    return { column, type: used, ignoredDictionary };
  });
};
