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
  'too_many_rows',
  'unknown_column',
  'unknown_symbol',
] as const;
type RowErrorCode = (typeof rowErrorCodes)[number];

/** Max number of refused rows that are listed. */
export const maxListedRows = 20;

/** The first refused rows, and the number of all of them. */
export type RowErrors = { readonly errors: readonly RowError[]; readonly errors_total: number };

export const noRowErrors: RowErrors = { errors: [], errors_total: 0 };

export const createRowErrors = (): { readonly refuse: (error: RowError) => void; readonly list: () => RowErrors } => {
  const errors: RowError[] = [];
  let total = 0;
  return {
    refuse: (error) => {
      total += 1;
      if (errors.length < maxListedRows) errors.push(error);
    },
    list: () => ({ errors: [...errors], errors_total: total }),
  };
};
