import type { AbuseKind } from '../catalogue/abuse.ts';
import { AppError, maxShownErrors, type FieldError } from '../catalogue/errors.ts';

/**
 * The text of the error at `index` of a list. Errors that are not shown count, and have no text of their own: callers
 * decide how many there are, and to search for the names that they meant takes time.
 */
export const shownDetail = (index: number, detail: () => string): string =>
  index < maxShownErrors ? detail() : 'This error is not shown';

/**
 * Gives the errors of one request their texts, in the order of their detection. Unknown names count apart, because they are shown
 * first.
 */
export const createErrorTexts = (): ((code: string, detail: () => string) => string) => {
  let unknownNames = 0;
  let others = 0;
  return (code, detail) => shownDetail(code === 'unknown_member' ? unknownNames++ : others++, detail);
};

/** Max characters of a field in a sentence. The pointer of an error can have more. */
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

/** `/quotes/0/price` becomes `quotes[0].price`; undefined for a pointer with other names than plain ones. */
const pathOf = (pointer: string): string | undefined => {
  if (pointer.length > maxFieldCharacters || !/^(\/\w+)+$/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
};

/** The text of an error, with the whole path of a field that is inside another one. `errors` has it as a pointer. */
const located = ({ pointer, detail }: FieldError): string => {
  const name = lastName(pointer);
  const path = pathOf(pointer);
  const list = `each item of ${name} `;
  if (path !== undefined && detail.startsWith(list)) {
    return path.startsWith(`${name}[`) ? detail : `${path} ${detail.slice(list.length)}`;
  }
  // A column of an Arrow stream has the same pointer, and there is no `columns` in a stream.
  if (/\/\d+$/.test(pointer) || pointer.startsWith('/columns/')) return detail;
  const [first = ''] = /^[\w.]+/.exec(detail) ?? [];
  if (path?.endsWith(`.${first}`)) return `${path}${detail.slice(first.length)}`;
  const parent = pathOf(pointer.slice(0, pointer.lastIndexOf('/')));
  if (!parent?.includes('[') || path === first) return detail;
  return `${parent}: ${detail.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())}`;
};

/** Unknown names come before other errors, because a missing value is often sent under another name. */
export const unknownFirst = (errors: readonly FieldError[]): FieldError[] => [
  ...errors.filter(({ code }) => code === 'unknown_member'),
  ...errors.filter(({ code }) => code !== 'unknown_member'),
];

/** One sentence about the first error, with its field, because many callers read only `detail`. */
export const sentenceOf = (errors: readonly FieldError[], total = errors.length): string => {
  const [first] = unknownFirst(errors);
  if (first === undefined) return 'The request breaks its schema';
  const text = namesField(first) ? located(first) : `${fieldOf(first.pointer)}: ${first.detail}`;
  return total === 1 ? text : `${text} (${total - 1} more in errors)`;
};

/** The error of a request with invalid values. `errors` has the first ones; `detail` is about the first one. */
export const validationFailed = (errors: readonly FieldError[], abuse?: AbuseKind): AppError =>
  new AppError('validation_failed', sentenceOf(errors), { errors: unknownFirst(errors), ...(abuse && { abuse }) });
