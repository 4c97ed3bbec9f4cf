import { escapeIdentifier } from 'pg';

/**
 * An export is text, compressed with gzip: the first line is the head, then for each table a line `COPY ...`, its rows in
 * the text format of COPY and a line `\.`, and the last line is the end.
 */
export type ExportHead = {
  readonly format: 1;
  readonly exported_at: string;
  /** Names of the migrations of the database. */
  readonly migrations: readonly string[];
};

/** Number of rows by table. It shows that the file is complete. */
export type RowCounts = Readonly<Record<string, number>>;

export type ExportBlock = {
  readonly table: string;
  readonly columns: readonly string[];
  /** Must be read to its end before the next block. */
  readonly rows: AsyncIterable<Buffer>;
};

export type ExportReader = {
  readonly head: ExportHead;
  readonly blocks: AsyncIterable<ExportBlock>;
  /** The end of the file, once `blocks` has ended. @throws ExportFileError if the file is incomplete */
  readonly counts: () => RowCounts;
};

/** A file that is no export, or not a whole one. */
export class ExportFileError extends Error {}

const headMark = '-- Volwatch export ';
const endMark = '-- Volwatch end ';
const endOfRows = '\\.\n';
const batchBytes = 64 * 1024;

export const headLine = (head: ExportHead): string => `${headMark}${JSON.stringify(head)}\n`;
export const endLine = (counts: RowCounts): string => `${endMark}${JSON.stringify(counts)}\n`;
export const endOfRowsLine = endOfRows;
export const columnsOf = (columns: readonly string[]): string => columns.map(escapeIdentifier).join(', ');
export const blockLine = (table: string, columns: readonly string[]): string =>
  `COPY ${escapeIdentifier(table)} (${columnsOf(columns)}) FROM stdin;\n`;

const lines = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end + 1));
      yield parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) throw new ExportFileError('The export ends in the middle of a line: it is incomplete');
};

const identifiers = (text: string): string[] =>
  [...text.matchAll(/"((?:[^"]|"")*)"/g)].map(([, name]) => name!.replaceAll('""', '"'));

/** Reads an export that was decompressed. @throws ExportFileError */
export const readExport = async (source: AsyncIterable<Buffer>): Promise<ExportReader> => {
  const all = lines(source);
  const nextLine = async (): Promise<Buffer> => {
    const { value } = await all.next();
    if (!value) throw new ExportFileError('The export has no end: it is incomplete');
    return value;
  };

  const first = (await nextLine()).toString();
  if (!first.startsWith(headMark)) throw new ExportFileError('The file is not an export of Volwatch');
  const head = JSON.parse(first.slice(headMark.length)) as ExportHead;
  // A later version of the service can write another format.
  if ((head.format as number) !== 1) throw new ExportFileError(`The format ${head.format} of the export is not known`);

  const rows = async function* (): AsyncGenerator<Buffer, void, undefined> {
    let batch: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const line = await nextLine();
      if (line.length === endOfRows.length && line.toString() === endOfRows) break;
      batch.push(line);
      bytes += line.length;
      if (bytes < batchBytes) continue;
      yield Buffer.concat(batch);
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield Buffer.concat(batch);
  };

  let counts: RowCounts | undefined;
  const blocks = async function* (): AsyncGenerator<ExportBlock, void, undefined> {
    for (;;) {
      const line = (await nextLine()).toString();
      if (line.startsWith(endMark)) {
        counts = JSON.parse(line.slice(endMark.length)) as RowCounts;
        return;
      }
      const [, table = '', columns = ''] = /^COPY ("(?:[^"]|"")+") \((.+)\) FROM stdin;\n$/.exec(line) ?? [];
      if (table === '') throw new ExportFileError('The export has a line that is neither a table nor the end');
      yield { table: identifiers(table)[0]!, columns: identifiers(columns), rows: rows() };
    }
  };

  return {
    head,
    blocks: blocks(),
    counts: () => {
      if (!counts) throw new ExportFileError('The export has no end: it is incomplete');
      return counts;
    },
  };
};
