import { CsvError, parse } from 'csv-parse/sync';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { columnsOf, type UploadColumn } from '../columns.ts';
import { maxLineCharacters, wholeLines } from './lines.ts';
import type { ReadRows } from './rows.ts';

type Records = { readonly lines: number[]; readonly rows: string[][]; readonly lineCount: number };

const malformed = (line: number, reason: string): AppError =>
  new AppError('malformed_body', `The CSV cannot be read at line ${line}: ${reason}`);

/** Records of a text without quotes: each line is one, and a comma always separates. */
const splitPlain = (text: string, before: number): Records => {
  const lines: number[] = [];
  const rows: string[][] = [];
  let line = before;
  for (let start = 0; start < text.length;) {
    const found = text.indexOf('\n', start);
    const next = found < 0 ? text.length : found;
    line += 1;
    const end = text.charCodeAt(next - 1) === 13 && next > start ? next - 1 : next;
    if (end > start) {
      lines.push(line);
      rows.push(text.slice(start, end).split(','));
    }
    start = next + 1;
  }
  return { lines, rows, lineCount: line - before };
};

/** Records of a text with quotes. Undefined: a quoted value does not end in this text. */
const splitQuoted = (text: string, before: number): Records | undefined => {
  try {
    const parsed = parse(text, {
      bom: false,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: maxLineCharacters,
    }) as unknown as readonly { readonly info: { readonly lines: number }; readonly record: string[] }[];
    return {
      lines: parsed.map(({ info }) => before + info.lines),
      rows: parsed.map(({ record }) => record),
      lineCount: text.split('\n').length - 1,
    };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    if (error.code === 'CSV_QUOTE_NOT_CLOSED') return undefined;
    throw malformed(before + Number(error['lines'] ?? 1), 'a quote stands where none may be');
  }
};

/** Reads the header with the first record. */
const headerOf = (names: readonly string[], line: number): readonly UploadColumn[] => {
  const columns = columnsOf(names);
  if (typeof columns === 'string') throw malformed(line, columns);
  return columns;
};

/**
 * CSV as in RFC 4180, with a header. csv-parse reads texts with quotes. Texts without them, which price files usually
 * are, are split by commas and line ends, because this is several times faster and gives the same records.
 */
export const readCsv: ReadRows = async function* (pieces, refuse) {
  let columns: readonly UploadColumn[] | undefined;
  let before = 0;
  let open = '';
  const parseText = (text: string): Records | undefined =>
    text.includes('"') ? splitQuoted(text, before) : splitPlain(text, before);
  const batchOf = ({ lines, rows, lineCount }: Records) => {
    const first = columns === undefined ? 1 : 0;
    if (columns === undefined && rows.length > 0) columns = headerOf(rows[0]!, lines[0]!);
    before += lineCount;
    const width = columns?.length ?? 0;
    const kept: number[] = [];
    for (let index = first; index < rows.length; index += 1) {
      if (rows[index]!.length === width) kept.push(index);
      else {
        const detail = `The line has ${rows[index]!.length} values, the header has ${width}`;
        refuse({ line: lines[index]!, code: 'column_count', detail });
      }
    }
    return {
      columns: columns ?? [],
      lines: kept.map((index) => lines[index]!),
      rows: kept.map((index) => rows[index]!),
    };
  };

  for await (const text of wholeLines(pieces)) {
    const records = parseText(open + text);
    if (records) {
      open = '';
      yield batchOf(records);
      continue;
    }
    open += text;
    // The quote opened somewhere in this text, so the limit is that of the text and a record.
    if (open.length > 8 * maxLineCharacters) throw malformed(before + 1, 'a quoted value does not end');
  }
  if (open !== '') throw malformed(before + 1, 'a quoted value does not end');
  if (columns === undefined) throw malformed(1, 'the file is empty');
};
