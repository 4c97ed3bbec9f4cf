import type { z } from 'zod';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { notText } from '#src/kernel/requests/texts/refused-value.ts';
import type { Part } from './pointer-into.ts';
import { maxListed, objectText, typeNames } from './schema-text.ts';

type RawIssue = z.core.$ZodRawIssue;

const formatNames: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'a URL',
  date: 'a valid date as YYYY-MM-DD, such as 2026-01-31',
  datetime: 'an instant (RFC 3339, for example 2026-01-31T12:00:00Z)',
};

/** Every id is made by the service, so a caller can only have it from an answer. */
const idHint =
  'send the id that the API returned when the object was created or listed, such as 0190b5c0-8c3f-7cc1-8f6e-3d2a5b1c9e70';

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
  const limit = issue['inclusive'] === false ? `${isSmall ? 'greater' : 'less'} than` : atLeast;
  return `must be ${limit} ${bound}${notText(issue.input)}`;
};

const choiceText = (issue: RawIssue): string => {
  const values = issue['values'] as readonly z.core.util.Primitive[];
  const names = values.slice(0, maxListed).map(String);
  const near = typeof issue.input === 'string' ? nearestName(issue.input, values.map(String)) : undefined;
  return `must be ${listed(names)}${notText(issue.input)}${near === undefined ? '' : `; did you mean ${near}?`}`;
};

/** @returns the fault of a date that does not exist, or of a string in another form */
const dateText = (value: unknown): string =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)
    ? `must be a date that exists, not ${value}`
    : `must be ${formatNames['date']}${notText(value)}`;

/**
 * The text of an issue whose schema has no text of its own. It begins with `must`, and `describeField` puts the name of
 * the field before it.
 */
export const issueText = (issue: RawIssue): string | undefined => {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = typeNames[String(issue['expected'])];
      if (issue['expected'] === 'int' && typeof issue.input === 'number')
        return `must be an integer${notText(issue.input)}`;
      return expected === undefined ? undefined : `must be ${expected}, not ${kindOf(issue.input)}`;
    }
    case 'too_small':
    case 'too_big':
      return boundText(issue);
    case 'invalid_value':
      return choiceText(issue);
    case 'invalid_format': {
      const format = formatNames[String(issue['format'])];
      if (issue['format'] === 'date') return dateText(issue.input);
      if (issue['format'] === 'uuid') return `must be a UUID${notText(issue.input)}: ${idHint}`;
      if (format !== undefined) return `must be ${format}`;
      return issue['format'] === 'regex' ? `must match ${String(issue['pattern'])}` : undefined;
    }
    default:
      return undefined;
  }
};

/** The last member name of a path: a position in a list alone tells a reader nothing. */
export const nameOfField = (path: readonly PropertyKey[]): string =>
  path.findLast((piece) => typeof piece === 'string') ?? 'The body';

/** A text about a value that is no object, with the members that the object has. */
export const withMembers = (text: string, object: z.ZodObject | undefined): string =>
  object === undefined ? text : text.replace('an object', objectText(object));

/** A text that begins with `must` or `Must`, with the name of its field before it. The item of a list has no name. */
export const describeField = (part: Part, path: readonly PropertyKey[], message: string): string => {
  const match = /^must\b/i.exec(message);
  if (match === null) return message;
  const isItem = path.length > 1 && typeof path.at(-1) === 'number';
  const place = part === 'path' ? ' in the path' : '';
  return `${isItem ? 'each item of ' : ''}${nameOfField(path)}${place} must${message.slice(4)}`;
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
