import type { AbuseKind } from '../catalogue/abuse.ts';
import { AppError, type FieldError } from '../catalogue/errors.ts';

/** Max characters of a field in a sentence. The pointer of an error has the whole name. */
const maxFieldCharacters = 80;

/** `/options/3/spot` -> `options/3/spot`, `query.limit` -> `query.limit`, the whole body -> `The body`. */
const fieldOf = (pointer: string): string => {
  const field = pointer.replace(/^\//, '');
  if (field === '') return 'The body';
  return field.length > maxFieldCharacters ? `${field.slice(0, maxFieldCharacters)}...` : field;
};

/** The last name in a pointer. The index of an item is not a name. */
const lastName = (pointer: string): string => pointer.split(/[/.]/).findLast((piece) => !/^\d+$/.test(piece)) ?? '';

/** Whether the text of an error already names its field. */
const namesField = ({ pointer, detail }: FieldError): boolean => {
  const name = lastName(pointer);
  return name === '' ? /^(the body|columns)/i.test(detail) : detail.includes(name);
};

/** Unknown names come before other errors, because a missing value is often sent under another name. */
export const unknownFirst = (errors: readonly FieldError[]): FieldError[] => [
  ...errors.filter(({ code }) => code === 'unknown_member'),
  ...errors.filter(({ code }) => code !== 'unknown_member'),
];

/** One sentence about the first error, with its field, because many callers read only `detail`. */
export const sentenceOf = (errors: readonly FieldError[]): string => {
  const [first] = unknownFirst(errors);
  if (first === undefined) return 'The request breaks its schema';
  const text = namesField(first) ? first.detail : `${fieldOf(first.pointer)}: ${first.detail}`;
  return errors.length === 1 ? text : `${text} (${errors.length - 1} more in errors)`;
};

/** The error of a request with invalid values. `errors` has all of them; `detail` is about the first one. */
export const validationFailed = (errors: readonly FieldError[], abuse?: AbuseKind): AppError =>
  new AppError('validation_failed', sentenceOf(errors), { errors: unknownFirst(errors), ...(abuse && { abuse }) });
