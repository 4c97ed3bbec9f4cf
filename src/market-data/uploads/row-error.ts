/** Why a row of an uploaded file is refused. It never repeats the value, because a file can contain anything. */
export type RowError = {
  /** The number of the line, or of the row in an Arrow stream; the first is 1. */
  readonly line: number;
  readonly code: RowErrorCode;
  readonly detail: string;
  /** The column, if the reason is one value. */
  readonly column?: string;
};

export const rowErrorCodes = [
  'column_count',
  'invalid_date',
  'invalid_json',
  'invalid_number',
  'missing_value',
  'out_of_range',
  'repeated_column',
  'split_already_applied',
  'too_many_rows',
  'unknown_column',
  'unknown_symbol',
] as const;
type RowErrorCode = (typeof rowErrorCodes)[number];

/** Max number of refused rows that are listed. */
export const maxListedRows = 20;

/** The number of rows, the first refused ones, and the number of all refused ones. */
export type RowCounts = {
  readonly rows_read: number;
  readonly errors: readonly RowError[];
  readonly errors_total: number;
};

export type RowCounter = {
  readonly accept: () => void;
  readonly refuse: (error: RowError) => void;
  /** Refuses rows that were accepted before. At most the first of them have an error. */
  readonly refuseAccepted: (errors: readonly RowError[], total: number) => void;
  readonly counts: () => RowCounts;
};

export const createRowCounter = (): RowCounter => {
  const errors: RowError[] = [];
  let rows = 0;
  let refused = 0;
  return {
    accept: () => void (rows += 1),
    refuse: (error) => {
      rows += 1;
      refused += 1;
      if (errors.length < maxListedRows) errors.push(error);
    },
    refuseAccepted: (listed, total) => {
      refused += total;
      errors.push(...listed.slice(0, maxListedRows - errors.length));
    },
    counts: () => ({ rows_read: rows, errors: [...errors], errors_total: refused }),
  };
};
