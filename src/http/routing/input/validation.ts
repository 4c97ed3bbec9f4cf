import type { z } from 'zod';
import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { quoted } from '#src/kernel/requests/nearest-name.ts';
import { createErrorTexts, validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { describeField, issueText, nameOfField, unknownNameText, withMembers } from './issue-text.ts';
import { pointerInto, type Part } from './pointer-into.ts';
import { objectAt, requiredText } from './schema-text.ts';

type Issue = z.core.$ZodIssue;

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown => {
  let value = input;
  for (const piece of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, piece)) return undefined;
    value = Reflect.get(value, piece);
  }
  return value;
};

const codeOfIssue = (issue: Issue, path: readonly PropertyKey[], input: unknown): string => {
  if (path.length > 0 && valueAt(input, path) === undefined) return 'required';
  switch (issue.code) {
    case 'too_small':
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array' ? 'invalid_length' : 'out_of_range';
    case 'not_multiple_of':
      return 'out_of_range';
    case 'invalid_type':
    case 'invalid_format':
      return issue.code;
    case 'custom':
      return typeof issue.params?.['code'] === 'string' ? issue.params['code'] : 'invalid_value';
    default:
      return 'invalid_value';
  }
};

type Flattening = {
  readonly part: Part;
  readonly schema: z.ZodType;
  readonly input: unknown;
  readonly textOf: ReturnType<typeof createErrorTexts>;
};

const flatten = (issue: Issue, base: readonly PropertyKey[], from: Flattening): FieldError[] => {
  const { part, schema, input } = from;
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const object = objectAt(schema, path);
    const known = object && Object.keys(object.shape);
    return issue.keys.map((key) => ({
      pointer: pointerInto(part, [...path, key]),
      code: 'unknown_member',
      detail: from.textOf('unknown_member', () =>
        unknownNameText(key, part === 'body' ? 'member' : 'parameter', known),
      ),
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The alternative with the smallest number of faults is probably the one that the caller meant.
    const nearest = issue.errors.reduce((best, errors) => (errors.length < best.length ? errors : best));
    if (nearest.length > 0) return nearest.flatMap((inner) => flatten(inner, path, from));
  }
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    return issue.issues.flatMap((inner) => flatten(inner, path, from));
  }
  const code = codeOfIssue(issue, path, input);
  // A rule between members has a text of its own, which says when its field is required.
  const isMissing = code === 'required' && issue.code !== 'custom';
  const detail = (): string => {
    const text = isMissing
      ? requiredText(part, nameOfField(path), { schema, path, issue })
      : describeField(part, path, issue.message);
    const isNoObject = issue.code === 'invalid_type' && issue.expected === 'object';
    return isNoObject ? withMembers(text, objectAt(schema, path)) : text;
  };
  return [{ pointer: pointerInto(part, path), code, detail: from.textOf(code, detail) }];
};

type ParseResult<T> = {
  readonly data: T | undefined;
  /** Makes the field errors of a problem document, which can take as long as to parse the part. None if the part is right. */
  readonly errors: () => readonly FieldError[];
};

/** Parses one part of a request. */
export const parsePart = <T extends z.ZodType>(part: Part, schema: T, input: unknown): ParseResult<z.output<T>> => {
  const parsed = schema.safeParse(input, { error: issueText });
  if (parsed.success) return { data: parsed.data, errors: () => [] };
  const from = { part, schema, input, textOf: createErrorTexts() };
  return { data: undefined, errors: () => parsed.error.issues.flatMap((issue) => flatten(issue, [], from)) };
};

/** The characters of names of parameters, escaped or not. Others are not decoded, because 4,000 errors took 13 ms of the event loop. */
const escapedName = /^(?:\w|%[2-7][\da-f])+$/i;

/**
 * The part of a query string with these names. The rest may be anything: repeated, not decodable, any number of names.
 */
export const onlyNamed = (querystring: string, names: ReadonlySet<string>): string => {
  if (names.size === 0 || querystring === '') return '';
  const lengths = [...names].map(({ length }) => length);
  // An escape of one character has three.
  const [min, max] = [Math.min(...lengths), 3 * Math.max(...lengths)];
  const isNamed = (pair: string): boolean => {
    if (pair.length < min) return false;
    const equals = pair.indexOf('=');
    const length = equals === -1 ? pair.length : equals;
    if (length < min || length > max) return false;
    const name = pair.slice(0, length);
    return names.has(name) || (escapedName.test(name) && names.has(decodeURIComponent(name)));
  };
  return querystring.split('&').filter(isNamed).join('&');
};

/**
 * Parses a query string or a form to a map of strings. Decodes percent-encoding, and `+` as a space.
 * @param maxNames max number of names
 * @param part the pointers of errors point into it
 * @throws AppError `validation_failed` for a repeated name or too many names, `malformed_request` or `malformed_body`
 *   for a broken percent-encoding
 */
export const parseQuery = (
  querystring: string,
  maxNames = Infinity,
  part: 'query' | 'body' = 'query',
): Record<string, string> => {
  // The object has no prototype, so `__proto__` is an ordinary name.
  const query = Object.create(null) as Record<string, string>;
  if (querystring === '') return query;
  const repeated: FieldError[] = [];
  const pairs = querystring.split('&');
  if (pairs.length > maxNames) {
    const pointer = part === 'body' ? '' : part;
    throw validationFailed([
      {
        pointer,
        code: 'too_many',
        detail: `${part === 'body' ? 'The body' : 'The query'} may have at most ${maxNames} names`,
      },
    ]);
  }
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals), part);
    if (name in query) {
      repeated.push({
        pointer: pointerInto(part, [name]),
        code: 'repeated',
        detail: `${quoted(name)} is given more than once: send it once`,
      });
    }
    query[name] = equals === -1 ? '' : decode(pair.slice(equals + 1), part);
  }
  if (repeated.length > 0) throw validationFailed(repeated);
  return query;
};

const decode = (text: string, part: 'query' | 'body'): string => {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw part === 'body'
      ? new AppError('malformed_body', 'The form has a broken percent-encoding', { cause })
      : new AppError('malformed_request', 'The query has a broken percent-encoding', { cause });
  }
};
