import { columnOf, uploadColumns, type UploadColumn } from '../columns.ts';
import type { RowError } from '../row-error.ts';
import { createBlankLines, wholeLines } from './lines.ts';
import type { Cell, ReadRows } from './rows.ts';

const positions = new Map(uploadColumns.map((column, index) => [column, index]));

/** The number of members in the text of an object without nested ones. `JSON.parse` keeps only the last one of a name. */
const countMembers = (text: string): number => {
  let members = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) members += 1;
  return members;
};

/** The text must be an object that `JSON.parse` reads as `names` members, none of which is nested. */
const hasRepeatedName = (text: string, names: number): boolean => {
  let colons = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) colons += 1;
  // Most lines have no colon in a text, so their members need not be counted.
  return colons > names && countMembers(text) > names;
};

/**
 * The cells of one line, in the order of `uploadColumns`. A text where a number must be is refused later. Adds the columns of the
 * line to `ofFile`.
 */
const cellsOf = (text: string, ofFile: Set<UploadColumn>): Cell[] | Omit<RowError, 'line'> => {
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
  const entries = Object.entries(value as object);
  const named = new Set<UploadColumn>();
  for (const [name, member] of entries) {
    const column = columnOf(name);
    if (column === undefined) {
      return { code: 'unknown_column', detail: `A member is not known. Members are ${uploadColumns.join(', ')}` };
    }
    if (named.has(column)) {
      return { code: 'repeated_column', detail: `${column} comes twice in the row: remove one of them`, column };
    }
    named.add(column);
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
  if (hasRepeatedName(text, entries.length)) {
    return { code: 'repeated_column', detail: 'A member comes twice in the row: remove one of them' };
  }
  for (const column of named) ofFile.add(column);
  return cells;
};

/** One JSON object on each line. A column that no object names is no column of the file. */
export const readNdjson: ReadRows = async function* (pieces, refuse) {
  let line = 0;
  const named = new Set<UploadColumn>();
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
      const cells = cellsOf(each, named);
      if (!Array.isArray(cells)) refuse({ line, ...cells });
      else {
        lines.push(line);
        rows.push(cells);
      }
    }
    yield { columns: uploadColumns, named, lines, rows };
  }
};
