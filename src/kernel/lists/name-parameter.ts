import { z } from 'zod';
import { withRefused } from '../requests/texts/refused-value.ts';

/**
 * A symbol or an index code. Other texts are refused before a database query. A name is a cell of CSV answers, and a
 * spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` as a formula, so no name begins with one of them.
 */
export const nameParameter = z.string().regex(/^[A-Za-z0-9^.:_][A-Za-z0-9^.:_-]{0,31}$/, {
  error: withRefused('Must be 1 to 32 letters, digits, or the characters ^ . : _ -, such as AAPL'),
});
