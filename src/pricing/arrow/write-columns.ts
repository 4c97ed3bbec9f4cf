import { Field, Float64, makeData, RecordBatch, Schema, Struct, Utf8, type Data } from 'apache-arrow';
import { nullTexts, streamOf, utf8Data, validity } from '#src/kernel/arrow/write-data.ts';
import type { Column, ColumnFailure, ColumnResult } from '../batch/columns/columns.ts';
import type { AnswerSteps } from '../batch/prepared-batch.ts';
import { idMember } from '../batch/row-id.ts';
import { unitsKey } from '../request/market-units.ts';

const errorColumns = [
  ['error_code', ({ code }: ColumnFailure) => code],
  ['error_field', ({ field }: ColumnFailure) => field],
  ['error_detail', ({ detail }: ColumnFailure) => detail],
] as const;

/**
 * The answer as an Arrow IPC stream: the ids if the request has some, a nullable float64 column for each output, and
 * the nullable texts `error_code`, `error_field` and `error_detail`.
 */
export const writeColumnsArrow = function* (result: ColumnResult): AnswerSteps {
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
  yield;
  const errors: Data[] = [];
  for (const [, read] of errorColumns) {
    errors.push(errorTexts(result, read));
    yield;
  }
  const children: Data[] = [...(idData ? [idData] : []), ...numbers, ...errors];
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }));
  return [streamOf(batch)];
};

/** One text of each failed row, null for the other rows. */
const errorTexts = ({ size, failures }: ColumnResult, read: (failure: ColumnFailure) => string | undefined): Data => {
  if (failures.length === 0) return nullTexts(size);
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
