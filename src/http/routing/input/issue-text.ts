import { z } from 'zod';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import type { Part } from './pointer-into.ts';

type RawIssue = z.core.$ZodRawIssue;

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
const formatNames: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
  date: 'a day of the calendar as YYYY-MM-DD, such as 2026-01-31',
  datetime: 'an instant (RFC 3339, for example 2026-01-31T12:00:00Z)',
};
/** Max names that a message lists. */
const maxListed = 24;

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'boolean' ? 'a boolean' : (typeNames[typeof value] ?? 'this value');
};

const sizeUnit = (origin: string, count: number | bigint): string => {
  const one = Number(count) === 1;
  if (origin === 'string') return one ? 'character' : 'characters';
  return one ? 'item' : 'items';
};

const boundText = (issue: RawIssue & { readonly code: 'too_small' | 'too_big' }): string => {
  const isSmall = issue.code === 'too_small';
  const bound = isSmall ? issue.minimum : issue.maximum;
  const origin = String(issue['origin']);
  const atLeast = isSmall ? 'at least' : 'at most';
  if (origin === 'string' || origin === 'array' || origin === 'set') {
    return `must have ${atLeast} ${bound} ${sizeUnit(origin, bound)}`;
  }
  if (issue['inclusive'] === false) return `must be ${isSmall ? 'greater' : 'less'} than ${bound}`;
  return `must be ${atLeast} ${bound}`;
};

/** A text that is refused is repeated only in the choice of the nearest name, because it can be a secret. */
const choiceText = (issue: RawIssue): string => {
  const values = issue['values'] as readonly z.core.util.Primitive[];
  const names = values.slice(0, maxListed).map(String);
  const near = typeof issue.input === 'string' ? nearestName(issue.input, values.map(String)) : undefined;
  return `must be ${listed(names)}${near === undefined ? '' : `; did you mean ${near}?`}`;
};

/**
 * The text of an issue whose schema has no text of its own. It begins with `must`, and `describeField` puts the name of
 * the field before it.
 */
export const issueText = (issue: RawIssue): string | undefined => {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = typeNames[String(issue['expected'])];
      if (issue['expected'] === 'int' && typeof issue.input === 'number')
        return 'must be a whole number, without decimals';
      return expected === undefined ? undefined : `must be ${expected}, not ${kindOf(issue.input)}`;
    }
    case 'too_small':
    case 'too_big':
      return boundText(issue);
    case 'invalid_value':
      return choiceText(issue);
    case 'invalid_format': {
      const format = formatNames[String(issue['format'])];
      if (format !== undefined) return `must be ${format}`;
      return issue['format'] === 'regex' ? `must match ${String(issue['pattern'])}` : undefined;
    }
    default:
      return undefined;
  }
};

/** The last member name of a path: a position in a list alone tells a reader nothing. */
const nameOfField = (path: readonly PropertyKey[]): string =>
  path.findLast((piece) => typeof piece === 'string') ?? 'The body';

/** A text about a value that is no object, with the members that the object has. */
export const withMembers = (text: string, known: readonly string[] = []): string =>
  known.length === 0 || known.length > maxListed
    ? text
    : text.replace('an object', `an object with ${listed(known, 'and')}`);

/** The text for a member that is missing, with what to send if its schema says it. */
export const requiredText = (part: Part, path: readonly PropertyKey[], issue: z.core.$ZodIssue): string => {
  const name = nameOfField(path);
  if (part === 'query') return `${name} is required: add ${name}=... to the query`;
  const values = issue.code === 'invalid_value' ? listed(issue.values.slice(0, maxListed).map(String)) : undefined;
  const what = issue.code === 'invalid_type' ? typeNames[issue.expected] : values;
  return `${name} is required${what === undefined ? '' : `: send ${what}`}`;
};

/** A text that begins with `must` or `Must`, with the name of its field before it. The item of a list has no name. */
export const describeField = (path: readonly PropertyKey[], message: string): string => {
  const match = /^must\b/i.exec(message);
  if (match === null) return message;
  const isItem = path.length > 1 && typeof path.at(-1) === 'number';
  return `${isItem ? 'each item of ' : ''}${nameOfField(path)} must${message.slice(4)}`;
};

/** The names that an object at `path` of a schema may have; undefined if the schema does not say. */
export const memberNames = (schema: z.ZodType | undefined, path: readonly PropertyKey[]): string[] | undefined => {
  let current: unknown = schema;
  const unwrap = (): void => {
    for (;;) {
      if (current instanceof z.ZodOptional || current instanceof z.ZodNullable || current instanceof z.ZodDefault) {
        current = current.unwrap();
      } else if (current instanceof z.ZodPipe) current = current.in;
      else return;
    }
  };
  for (const piece of path) {
    unwrap();
    if (current instanceof z.ZodObject) current = Reflect.get(current.shape, piece) as unknown;
    else if (current instanceof z.ZodArray && typeof piece === 'number') current = current.element;
    else return undefined;
  }
  unwrap();
  return current instanceof z.ZodObject ? Object.keys(current.shape) : undefined;
};

/** The text for a name that is not declared, with the nearest declared one, or all if there are few. */
export const unknownNameText = (name: string, kind: 'member' | 'parameter', known?: readonly string[]): string => {
  const noun = kind === 'member' ? kind : 'query parameter';
  const text = `${quoted(name)} is not a ${noun} of this request`;
  const near = nearestName(name, known ?? []);
  if (near !== undefined) return `${text}; did you mean ${near}?`;
  if (known === undefined || known.length > maxListed) return `${text}: remove it`;
  if (known.length === 0) return `${text}: remove it, because there are no ${noun}s`;
  const [only = ''] = known;
  const list = known.length === 1 ? `the only ${noun} is "${only}"` : `the ${noun}s are ${listed(known, 'and')}`;
  return `${text}: remove it; ${list}`;
};
