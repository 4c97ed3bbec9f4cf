import { boundedText } from '../requests/texts/bounded-text.ts';
import { withRefused } from '../requests/texts/refused-value.ts';

/**
 * A symbol or an index code. Other texts are refused before a database query. A name is a cell of CSV answers, and a
 * spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` as a formula, so no name begins with one of them. A name of dots
 * alone would be a step in a path, here and at the provider.
 */
const error = withRefused('Must be 1 to 32 letters, digits, or the characters ^ . : _ -, such as AAPL');
/** Without a look-ahead, because programs that are generated from the OpenAPI document may not know it. */
export const nameParameter = boundedText(32, { error }).regex(/^\.*[A-Za-z0-9^:_][A-Za-z0-9^.:_-]*$/, { error });
