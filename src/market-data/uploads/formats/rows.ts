import type { UploadColumn } from '../columns.ts';
import type { RowError } from '../row-error.ts';

/** The value of a cell. A text is not parsed yet; null and the empty text mean no value. */
export type Cell = string | number | null;

type RowBatch = {
  /** The column of each cell. */
  readonly columns: readonly UploadColumn[];
  /** The columns that the file has: those that its header or one of its rows so far names. What is stored of the others stays. */
  readonly named: Iterable<UploadColumn>;
  readonly lines: readonly number[];
  readonly rows: readonly (readonly Cell[])[];
};

/**
 * Reads the rows of a file while it arrives. `turn` gives the event loop a turn if it is time; a format that makes many rows
 * of one part must await it between them. Rows that are no rows of the format are refused one by one. The pieces are
 * parts of `inParts`, so a format must give its rows after each of them, with work that is linear in the size of the part.
 * `refuse` throws when the file has too many refused rows, and a format must not catch that.
 * @throws AppError `malformed_body` if the file as a whole cannot be read
 */
export type ReadRows = (
  pieces: AsyncIterable<Buffer>,
  refuse: (error: RowError) => void,
  turn: () => Promise<void> | undefined,
) => AsyncGenerator<RowBatch, void, undefined>;
