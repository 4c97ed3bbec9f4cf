import { columnOf, uploadColumns } from '../columns.ts';
import type { RowError } from '../row-error.ts';
import { createBlankLines, wholeLines } from './lines.ts';
import type { Cell, ReadRows } from './rows.ts';

const positions = new Map(uploadColumns.map((column, index) => [column, index]));

/** The cells of one line, in the order of `uploadColumns`. A text where a number must be is refused later. */
const cellsOf = (text: string): Cell[] | Omit<RowError, 'line'> => {
  // An error of `JSON.parse` costs about 5 microseconds, and this check almost nothing.
  const bare = text.trim();
  if (!bare.startsWith('{') || !bare.endsWith('}')) {
    return { code: 'invalid_json', detail: 'The line is not a JSON object' };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: 'invalid_json', detail: 'The line is not JSON' };
  }
  const cells: Cell[] = uploadColumns.map(() => null);
  for (const [name, member] of Object.entries(value as object)) {
    const column = columnOf(name);
    if (column === undefined) {
      return { code: 'unknown_column', detail: `A member is not known. Members are ${uploadColumns.join(', ')}` };
    }
    if (member === null) continue;
    const isText = column === 'symbol' || column === 'date';
    if (typeof member !== (isText ? 'string' : 'number')) {
      return {
        code: isText ? 'missing_value' : 'invalid_number',
        detail: `${column} must be a ${isText ? 'text' : 'number'}`,
        column,
      };
    }
    cells[positions.get(column)!] = member as string | number;
  }
  return cells;
};

/** One JSON object on each line. */
export const readNdjson: ReadRows = async function* (pieces, refuse) {
  let line = 0;
  const blankLines = createBlankLines();
  for await (const text of wholeLines(pieces)) {
    const lines: number[] = [];
    const rows: Cell[][] = [];
    for (const each of text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n')) {
      line += 1;
      if (each.trim() === '') {
        blankLines(1);
        continue;
      }
      const cells = cellsOf(each);
      if (!Array.isArray(cells)) refuse({ line, ...cells });
      else {
        lines.push(line);
        rows.push(cells);
      }
    }
    yield { columns: uploadColumns, lines, rows };
  }
};
