/** Why a row of an uploaded file is refused. */
export type RowError = {
  /** The number of the line, or of the row in an Arrow stream; the first is 1. */
  readonly line: number;
  readonly code: string;
  readonly detail: string;
  /** The column, if the reason is one value. */
  readonly column?: string;
};
