import {
  DataType,
  Float64,
  makeData,
  Precision,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Field,
  Struct,
  tableFromIPC,
  Utf8,
  type Data,
  type Dictionary,
  type Table,
  type Vector,
} from 'apache-arrow';
import { AppError, type FieldError } from '#src/kernel/errors.ts';
import { largestBatch } from './batch-row.ts';
import { checkSize, columnError, columnKind, type Column, type ColumnRequest, type ColumnResult } from './columns.ts';
import { invalidRequest } from './failures.ts';
import { outputNames } from './outputs.ts';
import { readOutputs } from './read-option.ts';

/** Schema metadata: the outputs asked for, comma-separated. */
const outputsKey = 'volwatch.outputs';

const malformed = (cause?: unknown): AppError =>
  new AppError('malformed_body', 'The body is not an Apache Arrow IPC stream', cause === undefined ? {} : { cause });

/** A vector's buffers come from the body as it claims: they must be as long as it says. */
const isWhole = ({ length, values, valueOffsets, nullBitmap, nullCount }: Data): boolean => {
  if (length === 0) return true;
  if (valueOffsets !== undefined ? valueOffsets.length <= length : values === undefined || values.length < length)
    return false;
  return nullCount === 0 || nullBitmap.length * 8 >= length;
};

const parse = (bytes: Uint8Array): Table => {
  let table: Table;
  try {
    table = tableFromIPC(bytes);
  } catch (cause) {
    throw malformed(cause);
  }
  if (table.schema.fields.length === 0) throw malformed();
  return table;
};

const numberColumn = (vector: Vector): Column | undefined => {
  const { type } = vector;
  const wide = DataType.isInt(type) && type.bitWidth === 64;
  const small = DataType.isFloat(type) && type.precision === Precision.HALF;
  if (!(DataType.isFloat(type) || DataType.isInt(type)) || wide || small) return undefined;
  const numbers = new Float64Array(vector.length);
  let offset = 0;
  for (const data of vector.data) {
    numbers.set((data.values as Float64Array).subarray(0, data.length), offset);
    if (data.nullCount > 0) {
      for (let index = 0; index < data.length; index++) if (!data.getValid(index)) numbers[offset + index] = Number.NaN;
    }
    offset += data.length;
  }
  return { numbers, at: (index) => (vector.isValid(index) ? numbers[index] : undefined) };
};

/** Text is decoded as rows are read, once for each entry of a dictionary: the dictionary may be larger than the batch. */
const textColumn = (vector: Vector): Column | undefined => {
  const { type } = vector;
  if (DataType.isUtf8(type))
    return withOnly(vector.length, (index) => (vector.get(index) as string | null) ?? undefined);
  if (!DataType.isDictionary(type) || !DataType.isUtf8(type.dictionary) || !DataType.isInt(type.indices))
    return undefined;
  const entries = new Map<number, string | undefined>();
  const codes = new Int32Array(vector.length).fill(-1);
  let offset = 0;
  for (const data of vector.data) {
    const { values, dictionary } = data as Data<Dictionary<Utf8>>;
    for (let index = 0; index < data.length; index++) {
      if (!data.getValid(index)) continue;
      const code = Number(values[index]);
      codes[offset + index] = code;
      if (!entries.has(code)) entries.set(code, (dictionary?.get(code) as string | null | undefined) ?? undefined);
    }
    offset += data.length;
  }
  return withOnly(vector.length, (index) => entries.get(codes[index]!));
};

const withOnly = (size: number, at: (index: number) => string | undefined): Column => {
  const first = at(0);
  for (let index = 1; index < size; index++) if (at(index) !== first) return { at };
  return { at, only: first };
};

/**
 * The columns of an Arrow IPC stream: numbers as floats or integers of up to 32 bits, texts as utf8 or dictionaries of
 * it. A null cell is an input that its row does not have.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readColumnsArrow = (bytes: Uint8Array): ColumnRequest => {
  const table = parse(bytes);
  const { schema } = table;
  const listed = schema.metadata.get(outputsKey);
  const asked = readOutputs(
    listed?.split(',').map((name) => name.trim()),
    outputNames,
    ['price'],
  );
  const errors: FieldError[] = [];
  if (Array.isArray(asked)) errors.push(...asked);
  const size = table.batches.reduce((sum, batch) => sum + batch.numRows, 0);
  // Before anything is made that is as long as the stream claims to be.
  checkSize(size > largestBatch ? largestBatch + 1 : size);
  const columns = new Map<string, Column>();
  schema.fields.forEach(({ name, type }, index) => {
    const kind = columnKind(name);
    const vector = table.getChildAt(index);
    if (kind === undefined || columns.has(name)) {
      errors.push(columnError(name, 'unknown_member', kind === undefined ? 'No such input' : 'The column comes twice'));
      return;
    }
    if (vector === null || vector.length !== size || !vector.data.every(isWhole)) throw malformed();
    let column: Column | undefined;
    try {
      column = kind === 'number' ? numberColumn(vector) : textColumn(vector);
    } catch (cause) {
      throw malformed(cause);
    }
    if (column !== undefined) columns.set(name, column);
    else errors.push(columnError(name, 'invalid_type', `${name} must be a ${kind} column, not ${String(type)}`));
  });
  if (errors.length > 0 || Array.isArray(asked)) throw invalidRequest(errors);
  return { table: { size, columns }, outputs: asked.outputs };
};

/** `failed` as Arrow says it the other way round: a bit for each value that is there. */
const validity = (flags: Uint8Array, valid: 0 | 1): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(flags.length / 64) * 8);
  for (let index = 0; index < flags.length; index++) {
    if (flags[index] === valid) bits[index >> 3] = bits[index >> 3]! | (1 << (index & 7));
  }
  return bits;
};

/** The answer as an Arrow IPC stream: a nullable float64 column for each output, and a nullable `error_code`. */
export const writeColumnsArrow = (result: ColumnResult): Uint8Array[] => {
  const { size: length, values, failed, failures } = result;
  const isPriced = validity(failed, 0);
  const nullCount = failures.length;
  const numbers = values.map(([, data]) =>
    nullCount === 0
      ? makeData({ type: new Float64(), length, data })
      : makeData({ type: new Float64(), length, nullCount, nullBitmap: isPriced, data }),
  );
  const fields = [
    ...values.map(([name]) => new Field(name, new Float64(), true)),
    new Field('error_code', new Utf8(), true),
  ];
  const metadata = new Map([
    ['volwatch.total_count', String(length)],
    ['volwatch.succeeded', String(length - nullCount)],
    ['volwatch.failed', String(nullCount)],
    ['volwatch.computation_time_ms', String(result.computationTimeMs)],
  ]);
  const schema = new Schema(fields, metadata);
  const children: Data[] = [...numbers, codesOf(result)];
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }));
  const writer = new RecordBatchStreamWriter();
  writer.write(batch);
  writer.finish();
  return [writer.toUint8Array(true)];
};

/** The code of each row that failed, null for the others. */
const codesOf = ({ size: length, failed, failures }: ColumnResult): Data => {
  const valueOffsets = new Int32Array(length + 1);
  let end = 0;
  let next = 0;
  for (const { index, code } of failures) {
    valueOffsets.fill(end, next + 1, index + 1);
    end += code.length;
    valueOffsets[index + 1] = end;
    next = index + 1;
  }
  valueOffsets.fill(end, next + 1);
  const data = Buffer.from(failures.map(({ code }) => code).join(''));
  const nullCount = length - failures.length;
  return makeData({ type: new Utf8(), length, nullCount, nullBitmap: validity(failed, 1), valueOffsets, data });
};
