import { columnOf, uploadColumns, type UploadColumn } from '../columns.ts';
import type { RowError } from '../row-error.ts';
import { createBlankLines, wholeLines } from './lines.ts';
import type { Cell, ReadRows } from './rows.ts';

const positions = new Map(uploadColumns.map((column, index) => [column, index]));

/**
 * Max characters and members of a line that is parsed. A line of 64 KB with 6,500 new names took 5 ms of the event loop, and a file may have 10,000
 * refused ones. A row with all columns has about 200 characters.
 */
const maxCharacters = 4_096;
/** A row that names each column by two names is told which one is repeated. */
const maxMembers = 2 * uploadColumns.length;

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];

/** The number of members in JSON, those of nested objects too. `JSON.parse` keeps only the last one of a name. */
const countMembers = (text: string): number => {
  let members = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) isText = !isText;
    else if (!isText && unit === colon) members += 1;
    else if (isText && unit === backslash) at += 1;
  }
  return members;
};

const hasMoreMembers = (text: string, max: number): boolean => {
  let colons = 0;
  for (let at = text.indexOf(':'); at >= 0 && colons <= max; at = text.indexOf(':', at + 1)) colons += 1;
  // Most lines have no colon in a text, so their members need not be counted.
  return colons > max && countMembers(text) > max;
};

type Refusal = Omit<RowError, 'line'>;

/** The members of the object in a line. */
const membersOf = (text: string): [name: string, member: unknown][] | Refusal => {
  const bare = text.trim();
  // An error of `JSON.parse` costs about 5 microseconds, and this check almost nothing.
  if (!bare.startsWith('{') || !bare.endsWith('}')) {
    return { code: 'invalid_json', detail: 'The line is not a JSON object' };
  }
  if (bare.length > maxCharacters) {
    return { code: 'invalid_json', detail: `A row may have at most ${maxCharacters} characters` };
  }
  if (hasMoreMembers(bare, maxMembers)) {
    return {
      code: 'unknown_column',
      detail: `A row may have at most ${maxMembers} members. Members are ${uploadColumns.join(', ')}`,
    };
  }
  try {
    return Object.entries(JSON.parse(text) as object);
  } catch {
    return { code: 'invalid_json', detail: 'The line is not JSON' };
  }
};

/**
 * The cells of one line, in the order of `uploadColumns`. A text where a number must be is refused later. Adds the columns of the
 * line to `ofFile`.
 */
const cellsOf = (text: string, ofFile: Set<UploadColumn>): Cell[] | Refusal => {
  const entries = membersOf(text);
  if (!Array.isArray(entries)) return entries;
  const cells: Cell[] = uploadColumns.map(() => null);
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
  if (hasMoreMembers(text, entries.length)) {
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
