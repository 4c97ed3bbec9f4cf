import { Field, Float64, Int32, makeData, RecordBatch, Schema, Struct, type Data } from 'apache-arrow';
import { streamOf, utf8Data, validity } from '#src/kernel/arrow/write-data.ts';
import { unitsKey } from '../request/market-units.ts';
import type { AnswerSteps } from '../batch/prepared-batch.ts';
import { shiftColumns, totalsOf, type GridResult } from './grid-result.ts';

const floats = (data: Float64Array, isNull?: Uint8Array): Data => {
  const length = data.length;
  if (isNull === undefined) return makeData({ type: new Float64(), length, data });
  const nullCount = isNull.reduce((sum, flag) => sum + flag, 0);
  return makeData({ type: new Float64(), length, nullCount, nullBitmap: validity(isNull, 0), data });
};

const joined = (first: Float64Array, second: Float64Array): Float64Array => {
  const both = new Float64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
};

/**
 * The answer of a grid as an Arrow IPC stream: a row for each position at each node, then a row for the totals of each
 * node, where `position` is null.
 */
export const writeGridArrow = function* (result: GridResult): AnswerSteps {
  const { grid, nodes, size, columns, values, failed, failures } = result;
  const { positions, units, warnings, warningCount } = grid;
  const length = size + nodes;
  const totals = yield* totalsOf(result);
  const shifts = yield* shiftColumns(result, length);
  const isTotal = new Uint8Array(length).fill(1, size);
  const position = makeData({
    type: new Int32(),
    length,
    nullCount: nodes,
    nullBitmap: validity(isTotal, 0),
    data: Int32Array.from({ length }, (_, row) => (row < size ? Math.floor(row / nodes) : 0)),
  });
  const texts = (read: (row: number) => string | undefined): Data =>
    utf8Data(Array.from({ length }, (_, row) => (row < size ? read(row) : undefined)));
  const failureAt = new Map(failures.map((failure) => [failure.index, failure]));
  const hasIds = positions.some(({ id }) => id !== undefined);
  const idOf = (row: number): string | undefined => {
    const { id } = positions[Math.floor(row / nodes)]!;
    return id === undefined ? undefined : String(id);
  };
  yield;
  const cells = columns.map((name, k): readonly [string, Data] => {
    const isNull = new Uint8Array(length);
    isNull.set(failed);
    for (let node = 0; node < nodes; node++) isNull[size + node] = Number.isNaN(totals[k]![node]) ? 1 : 0;
    return [name, floats(joined(values[k]!, totals[k]!), isNull)];
  });
  const all: readonly (readonly [string, Data])[] = [
    ['position', position],
    ...(hasIds ? [['id', texts(idOf)] as const] : []),
    // The shifts go through the nodes again for the totals, because a position has all nodes.
    ...shifts.map(({ name, cells: shifted }) => [name, floats(shifted)] as const),
    ...cells,
    ['error_code', texts((row) => failureAt.get(row)?.code)],
    ['error_detail', texts((row) => failureAt.get(row)?.detail)],
  ];
  yield;
  const fields = all.map(([name, { type }]) => new Field(name, type, true));
  const metadata = new Map([
    ['volwatch.total_count', String(size)],
    ['volwatch.succeeded', String(size - failures.length)],
    ['volwatch.failed', String(failures.length)],
    ['volwatch.nodes', String(nodes)],
    ['volwatch.models', positions.map(({ model }) => model.name).join(',')],
    ['volwatch.computation_time_ms', String(result.computationTimeMs)],
  ]);
  if (units === 'market') metadata.set(unitsKey, units);
  if (warningCount > 0) {
    metadata.set('volwatch.warnings', JSON.stringify(warnings));
    metadata.set('volwatch.warning_count', String(warningCount));
  }
  const type = new Struct(fields);
  const children = all.map(([, data]) => data);
  return [streamOf(new RecordBatch(new Schema(fields, metadata), makeData({ type, length, nullCount: 0, children })))];
};
