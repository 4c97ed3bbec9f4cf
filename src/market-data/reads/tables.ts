import { z } from 'zod';
import { acceptedTypes } from '#src/kernel/requests/accept.ts';
// Loaded at the start, because it takes 85 ms or more in one turn of the event loop (docs/decisions/0244).
import { arrowTable, type TableCell } from './arrow-table.ts';

const csvType = 'text/csv';
const arrowType = 'application/vnd.apache.arrow.stream';
/** Media types of lists that are tables. The first one is used if the client takes every type. */
export const tableTypes = ['application/json', csvType, arrowType] as const;
export const tableHeaders = z.object({ accept: z.string().optional() });

type Row = Readonly<Record<string, TableCell>>;
type TableList = {
  readonly data: readonly object[];
  readonly page: { readonly next_cursor: string | null; readonly limit: number };
};

type TableOptions = {
  readonly accept: string | undefined;
  /** Names of the columns, in order. */
  readonly columns: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
};

/** Values are numbers, dates, and symbols without commas and quotes, so nothing is quoted. */
const csvOf = (rows: readonly Row[], columns: readonly string[]): Buffer => {
  const lines = rows.map((row) => columns.map((column) => row[column] ?? '').join(','));
  return Buffer.from(`${[columns.join(','), ...lines].join('\n')}\n`);
};

/**
 * The list as JSON, or its rows as CSV or as an Arrow IPC stream, with the cursor of the next page in `X-Next-Cursor`.
 */
export const tableReply = <List extends TableList>(list: List, { accept, columns, headers = {} }: TableOptions) => {
  const all = { ...headers, Vary: 'Accept' };
  const [type] = acceptedTypes(accept, tableTypes);
  if (type !== csvType && type !== arrowType) return { status: 200 as const, body: list, headers: all };
  const cursor = list.page.next_cursor;
  const rows = list.data as readonly Row[];
  const bytes = type === csvType ? csvOf(rows, columns) : Buffer.from(arrowTable(rows, columns));
  return {
    status: 200 as const,
    // The schema describes the list; bytes are sent as they are.
    body: bytes as unknown as List,
    headers: {
      ...all,
      'Content-Type': type === csvType ? `${csvType}; charset=utf-8` : arrowType,
      ...(cursor !== null && { 'X-Next-Cursor': cursor }),
    },
  };
};
