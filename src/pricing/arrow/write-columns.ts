import {
  Field,
  Float64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
  type Data,
} from 'apache-arrow';
import type { ColumnResult } from '../batch/columns.ts';

/** Arrow's validity bitmap: a bit for each row whose flag is `valid`. */
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

/** The error code of each failed row, null for the other rows. */
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
