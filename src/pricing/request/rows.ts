/** A JSON object of a request body, its members unchecked. */
export type Row = Readonly<Record<string, unknown>>;

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON Pointer to `member` (RFC 6901). */
export const pointerTo = (at: string, member: string | number): string =>
  `${at}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
