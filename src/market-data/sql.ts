/**
 * A PostgreSQL array literal, to be bound as one parameter. For 100,000 elements it is much faster to build and to
 * parse than the array of the driver. The values must be numbers or `YYYY-MM-DD` dates, because nothing is escaped.
 */
export const arrayLiteral = (values: readonly (number | string | null)[]): string =>
  `{${values.map((value) => value ?? 'NULL').join(',')}}`;

/** SQL of a select list item: an instant as RFC 3339 in UTC, with milliseconds. */
export const instant = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;

/**
 * SQL condition: `column` is between two inclusive date parameters. The parameters are `$first` and the next one; null
 * means no limit.
 */
export const betweenDates = (column: string, first: number): string =>
  `${column} >= coalesce($${first}::date, '-infinity') and ${column} <= coalesce($${first + 1}::date, 'infinity')`;
