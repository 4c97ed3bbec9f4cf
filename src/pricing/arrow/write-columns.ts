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
import type { Column, ColumnFailure, ColumnResult } from '../batch/columns.ts';
import { idMember } from '../batch/row-id.ts';
import { unitsKey } from '../request/market-units.ts';

/** Arrow's validity bitmap: a bit for each row whose flag is `valid`. */
export const validity = (flags: Uint8Array, valid: 0 | 1): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(flags.length / 64) * 8);
  for (let index = 0; index < flags.length; index++) {
    if (flags[index] === valid) bits[index >> 3] = bits[index >> 3]! | (1 << (index & 7));
  }
  return bits;
};

const errorColumns = [
  ['error_code', ({ code }: ColumnFailure) => code],
  ['error_field', ({ field }: ColumnFailure) => field],
  ['error_detail', ({ detail }: ColumnFailure) => detail],
] as const;

/**
 * The answer as an Arrow IPC stream: the ids if the request has some, a nullable float64 column for each output, and
 * the nullable texts `error_code`, `error_field` and `error_detail`.
 */
export const writeColumnsArrow = (result: ColumnResult): Uint8Array[] => {
  const { size: length, values, failed, failures, warnings, ids } = result;
  const idData = ids && idsOf(ids, length);
  const isPriced = validity(failed, 0);
  const nullCount = failures.length;
  const numbers = values.map(([, data]) =>
    nullCount === 0
      ? makeData({ type: new Float64(), length, data })
      : makeData({ type: new Float64(), length, nullCount, nullBitmap: isPriced, data }),
  );
  const fields = [
    ...(idData ? [new Field(idMember, idData.type, true)] : []),
    ...values.map(([name]) => new Field(name, new Float64(), true)),
    ...errorColumns.map(([name]) => new Field(name, new Utf8(), true)),
  ];
  const metadata = new Map([
    ['volwatch.total_count', String(length)],
    ['volwatch.succeeded', String(length - nullCount)],
    ['volwatch.failed', String(nullCount)],
    ['volwatch.computation_time_ms', String(result.computationTimeMs)],
  ]);
  const schema = new Schema(fields, metadata);
  if (result.units === 'market') metadata.set(unitsKey, result.units);
  if (result.chosenModels.length > 0) metadata.set('volwatch.chosen_models', result.chosenModels.join(','));
  if (warnings.length > 0) metadata.set('volwatch.warnings', JSON.stringify(warnings));
  const errors = errorColumns.map(([, read]) => errorTexts(result, read));
  const children: Data[] = [...(idData ? [idData] : []), ...numbers, ...errors];
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }));
  const writer = new RecordBatchStreamWriter();
  writer.write(batch);
  writer.finish();
  return [writer.toUint8Array(true)];
};

/** A column of texts; null where `texts` has undefined. */
export const utf8Data = (texts: readonly (string | undefined)[]): Data => {
  const length = texts.length;
  const valueOffsets = new Int32Array(length + 1);
  const isNull = new Uint8Array(length);
  const parts: Buffer[] = [];
  let nullCount = 0;
  let end = 0;
  texts.forEach((text, index) => {
    if (text === undefined) {
      isNull[index] = 1;
      nullCount += 1;
    } else {
      const bytes = Buffer.from(text);
      parts.push(bytes);
      end += bytes.length;
    }
    valueOffsets[index + 1] = end;
  });
  const nullBitmap = validity(isNull, 0);
  return makeData({ type: new Utf8(), length, nullCount, nullBitmap, valueOffsets, data: Buffer.concat(parts) });
};

/** One text of each failed row, null for the other rows. */
const errorTexts = ({ size, failures }: ColumnResult, read: (failure: ColumnFailure) => string | undefined): Data => {
  const texts: (string | undefined)[] = Array.from({ length: size });
  for (const failure of failures) texts[failure.index] = read(failure);
  return utf8Data(texts);
};

const idsOf = (ids: Column, length: number): Data => {
  const values = Array.from({ length }, (_, index) => ids.at(index));
  if (values.some((id) => typeof id === 'string')) {
    return utf8Data(values.map((id) => (typeof id === 'string' || typeof id === 'number' ? String(id) : undefined)));
  }
  const isNull = Uint8Array.from(values, (id) => (id === undefined ? 1 : 0));
  const data = Float64Array.from(values, (id) => Number(id ?? 0));
  const nullCount = isNull.reduce((sum, flag) => sum + flag, 0);
  return makeData({ type: new Float64(), length, nullCount, nullBitmap: validity(isNull, 0), data });
};
