import { dayMs } from '#src/kernel/calendar.ts';
import { DateDay, Field, Float64, makeData, RecordBatch, Schema, Struct, Utf8, type Data } from 'apache-arrow';
import { streamOf, utf8Data, validity } from '#src/kernel/arrow/write-data.ts';

export type TableCell = string | number | null | undefined;
/** The cells of one column, by row. */
type Cells = readonly TableCell[];

const typeOf = (column: string): Utf8 | DateDay | Float64 => {
  if (column === 'symbol') return new Utf8();
  return column === 'date' ? new DateDay() : new Float64();
};
const numberOf = (cell: TableCell): number => (typeof cell === 'string' ? Date.parse(cell) / dayMs : (cell ?? 0));

const dataOf = (column: string, cells: Cells): Data => {
  const type = typeOf(column);
  if (type instanceof Utf8) return utf8Data(cells.map((cell) => (typeof cell === 'string' ? cell : undefined)));
  const { length } = cells;
  const isNull = Uint8Array.from(cells, (cell) => (cell === null || cell === undefined ? 1 : 0));
  const nullCount = isNull.reduce((sum, flag) => sum + flag, 0);
  const nulls = nullCount === 0 ? {} : { nullCount, nullBitmap: validity(isNull, 0) };
  if (type instanceof DateDay) return makeData({ type, length, ...nulls, data: Int32Array.from(cells, numberOf) });
  return makeData({ type, length, ...nulls, data: Float64Array.from(cells, numberOf) });
};

/** Rows as an Arrow IPC stream: `symbol` is utf8, `date` is date32, all others are float64 and can be null. */
export const arrowTable = (
  rows: readonly Readonly<Record<string, TableCell>>[],
  columns: readonly string[],
): Uint8Array => {
  const fields = columns.map((column) => new Field(column, typeOf(column), column !== 'symbol' && column !== 'date'));
  const children = columns.map((column) =>
    dataOf(
      column,
      rows.map((row) => row[column]),
    ),
  );
  const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
  return streamOf(new RecordBatch(new Schema(fields), data));
};
