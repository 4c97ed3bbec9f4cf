import {
  Dictionary,
  Field,
  Float64,
  Int32,
  RecordBatchStreamWriter,
  Schema,
  Table,
  tableFromIPC,
  Utf8,
  vectorFromArray,
  type DataType,
  type Vector,
} from 'apache-arrow';

export type Row = Readonly<Record<string, unknown>>;
type Cells = readonly (number | null)[] | readonly (string | null)[];

const typeOf = (cells: Cells, dictionary: boolean): DataType => {
  if (cells.every((cell) => typeof cell !== 'string')) return new Float64();
  return dictionary ? new Dictionary(new Utf8(), new Int32()) : new Utf8();
};

/** An Arrow IPC stream as a client makes it; the second half of the columns' texts as dictionaries. */
export const arrowStream = (
  columns: Readonly<Record<string, Cells | Vector>>,
  {
    outputs,
    preset,
    metadata: more = {},
    dictionary = false,
  }: { outputs?: string; preset?: string; metadata?: Readonly<Record<string, string>>; dictionary?: boolean } = {},
): Uint8Array => {
  const vectors = Object.fromEntries(
    Object.entries(columns).map(([name, cells]) => [
      name,
      'data' in cells ? cells : (vectorFromArray(cells, typeOf(cells, dictionary)) as Vector),
    ]),
  );
  const fields = Object.entries(vectors).map(([name, { type }]) => new Field(name, type as DataType, true));
  const metadata = new Map(Object.entries(more));
  if (outputs !== undefined) metadata.set('volwatch.outputs', outputs);
  if (preset !== undefined) metadata.set('volwatch.preset', preset);
  const table = new Table(new Schema(fields, metadata), new Table(vectors).batches);
  const writer = new RecordBatchStreamWriter();
  writer.write(table);
  writer.finish();
  return writer.toUint8Array(true);
};

/** An Arrow stream of options that differ in their strike, and in their type if it is given for each row. */
export const strikesStream = (
  strikes: readonly number[],
  typeOf: (row: number) => 'call' | 'put' = () => 'call',
): Uint8Array => {
  const same = (value: number): number[] => strikes.map(() => value);
  return arrowStream({
    spot: same(100),
    strike: [...strikes],
    time_to_expiry: same(0.5),
    rate: same(0.03),
    volatility: same(0.2),
    option_type: strikes.map((_, row) => typeOf(row)),
  });
};

/** Rows as columns, null where a row lacks a member. */
export const columnsOf = (rows: readonly Row[]): Record<string, (number | null)[] | (string | null)[]> => {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => (row[name] ?? null) as number | null)]));
};

/** The rows of an answer. */
export const readArrow = (bytes: Uint8Array): Record<string, unknown>[] =>
  tableFromIPC(bytes)
    .toArray()
    .map((row: { toJSON: () => Record<string, unknown> }) => row.toJSON());
