import { createTextChunks } from '../batch/text-chunks.ts';
import { shiftColumns, totalsOf, type GridResult } from './grid-result.ts';

const rowsAtOnce = 512;

/** The answer of a grid as JSON: columns of all positions at all nodes, and the totals of each node. */
export const writeGridJson = (result: GridResult): Uint8Array[] => {
  const { grid, nodes, size, columns, values, failed, failures, computationTimeMs } = result;
  const { axes, positions, units, warnings, warningCount } = grid;
  const text = createTextChunks();
  const addColumn = (name: string, isFirst: boolean, rows: number, cell: (row: number) => string | number): void => {
    text.add(`${isFirst ? '' : ','}${JSON.stringify(name)}:[`);
    for (let from = 0; from < rows; from += rowsAtOnce) {
      let cells = '';
      for (let row = from; row < Math.min(rows, from + rowsAtOnce); row++)
        cells += row === 0 ? cell(row) : `,${cell(row)}`;
      text.add(cells);
    }
    text.add(']');
  };
  const listed = positions.map(({ id, quantity, model: { name } }) => ({ id, quantity, model: name }));
  text.add(`{"axes":${JSON.stringify(axes)},"positions":${JSON.stringify(listed)},"columns":{`);
  addColumn('position', true, size, (row) => Math.floor(row / nodes));
  for (const { name, cells } of shiftColumns(result, size)) addColumn(name, false, size, (row) => cells[row]!);
  columns.forEach((name, k) => addColumn(name, false, size, (row) => (failed[row] === 0 ? values[k]![row]! : 'null')));
  text.add('},"totals":{');
  const totals = totalsOf(result);
  shiftColumns(result, nodes).forEach(({ name, cells }, k) => addColumn(name, k === 0, nodes, (row) => cells[row]!));
  columns.forEach((name, k) => {
    addColumn(name, false, nodes, (row) => (Number.isNaN(totals[k]![row]) ? 'null' : totals[k]![row]!));
  });
  text.add('},"errors":[');
  failures.forEach((failure, index) => text.add((index === 0 ? '' : ',') + JSON.stringify(failure)));
  const warned = warningCount === 0 ? '' : `"warnings":${JSON.stringify(warnings)},"warning_count":${warningCount},`;
  const system = units === 'market' ? '"units":"market",' : '';
  const counts = `"total_count":${size},"succeeded":${size - failures.length},"failed":${failures.length}`;
  text.add(`],${warned}${system}${counts},"computation_time_ms":${computationTimeMs}}`);
  return text.bytes();
};
