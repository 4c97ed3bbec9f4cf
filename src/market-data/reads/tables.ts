import { z } from 'zod';
import { acceptedTypes } from '#src/kernel/requests/accept.ts';

const csvType = 'text/csv';
/** Media types of lists that are tables. The first one is used if the client takes every type. */
export const tableTypes = ['application/json', csvType] as const;
export const tableHeaders = z.object({ accept: z.string().optional() });

type Row = Readonly<Record<string, string | number | null>>;
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
const csvOf = (rows: readonly object[], columns: readonly string[]): Buffer => {
  const lines = rows.map((row) => columns.map((column) => (row as Row)[column] ?? '').join(','));
  return Buffer.from(`${[columns.join(','), ...lines].join('\n')}\n`);
};

/** The list as JSON, or its rows as CSV with the cursor of the next page in `X-Next-Cursor`. */
export const tableReply = <List extends TableList>(list: List, { accept, columns, headers = {} }: TableOptions) => {
  const all = { ...headers, Vary: 'Accept' };
  if (acceptedTypes(accept, tableTypes)[0] !== csvType) return { status: 200 as const, body: list, headers: all };
  const cursor = list.page.next_cursor;
  return {
    status: 200 as const,
    // The schema describes the list; bytes are sent as they are.
    body: csvOf(list.data, columns) as unknown as List,
    headers: {
      ...all,
      'Content-Type': `${csvType}; charset=utf-8`,
      ...(cursor !== null && { 'X-Next-Cursor': cursor }),
    },
  };
};
