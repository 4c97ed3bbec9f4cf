import type { Steps } from '#src/kernel/streams/turns.ts';
import type { AnswerSteps } from '../batch/prepared-batch.ts';
import { createTextChunks } from '../batch/text-chunks.ts';
import { shiftColumns, totalsOf, type GridResult } from './grid-result.ts';

const rowsAtOnce = 512;

/** The answer of a grid as JSON: columns of all positions at all nodes, and the totals of each node. */
export const writeGridJson = function* (result: GridResult): AnswerSteps {
  const { grid, nodes, size, columns, values, failed, failures, computationTimeMs } = result;
  const { axes, positions, units, warnings, warningCount } = grid;
  const text = createTextChunks();
  const addColumn = function* (
    name: string,
    isFirst: boolean,
    rows: number,
    cell: (row: number) => string | number,
  ): Steps {
    text.add(`${isFirst ? '' : ','}${JSON.stringify(name)}:[`);
    for (let from = 0; from < rows; from += rowsAtOnce) {
      let cells = '';
      for (let row = from; row < Math.min(rows, from + rowsAtOnce); row++)
        cells += row === 0 ? cell(row) : `,${cell(row)}`;
      text.add(cells);
      yield;
    }
    text.add(']');
  };
  const listed = positions.map(({ id, quantity, model: { name } }) => ({ id, quantity, model: name }));
  text.add(`{"axes":${JSON.stringify(axes)},"positions":${JSON.stringify(listed)},"columns":{`);
  yield* addColumn('position', true, size, (row) => Math.floor(row / nodes));
  const shifts = yield* shiftColumns(result, size);
  for (const { name, cells } of shifts) yield* addColumn(name, false, size, (row) => cells[row]!);
  for (const [k, name] of columns.entries()) {
    yield* addColumn(name, false, size, (row) => (failed[row] === 0 ? values[k]![row]! : 'null'));
  }
  text.add('},"totals":{');
  const totals = yield* totalsOf(result);
  const totalShifts = yield* shiftColumns(result, nodes);
  for (const [k, { name, cells }] of totalShifts.entries()) {
    yield* addColumn(name, k === 0, nodes, (row) => cells[row]!);
  }
  for (const [k, name] of columns.entries()) {
    yield* addColumn(name, false, nodes, (row) => (Number.isNaN(totals[k]![row]) ? 'null' : totals[k]![row]!));
  }
  text.add('},"errors":[');
  for (let from = 0; from < failures.length; from += rowsAtOnce) {
    const some = failures.slice(from, from + rowsAtOnce);
    text.add((from === 0 ? '' : ',') + JSON.stringify(some).slice(1, -1));
    yield;
  }
  const warned = warningCount === 0 ? '' : `"warnings":${JSON.stringify(warnings)},"warning_count":${warningCount},`;
  const system = units === 'market' ? '"units":"market",' : '';
  const counts = `"total_count":${size},"succeeded":${size - failures.length},"failed":${failures.length}`;
  text.add(`],${warned}${system}${counts},"computation_time_ms":${computationTimeMs}}`);
  return text.bytes();
};
