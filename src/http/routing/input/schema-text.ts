import { z } from 'zod';
import { listed } from '#src/kernel/requests/nearest-name.ts';
import type { Part } from './pointer-into.ts';

/** What a schema asks for, in words. */

export const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
/** Max names that a message lists. */
export const maxListed = 24;
/** A longer description is not part of a message. */
const maxDescription = 120;

const isOptional = (schema: unknown): schema is z.ZodOptional | z.ZodDefault =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;

/** The schema of the value that is sent, without what is optional or applied later. */
const sentSchema = (schema: unknown): unknown => {
  let current = schema;
  for (;;) {
    if (isOptional(current) || current instanceof z.ZodNullable) current = current.unwrap();
    else if (current instanceof z.ZodPipe) current = current.in;
    else return current;
  }
};

/** The schema at `path`, as it is declared; undefined if the schema does not say. */
const schemaAt = (schema: z.ZodType | undefined, path: readonly PropertyKey[]): unknown => {
  let declared: unknown = schema;
  for (const piece of path) {
    const current = sentSchema(declared);
    if (current instanceof z.ZodObject) declared = Reflect.get(current.shape, piece) as unknown;
    else if (current instanceof z.ZodArray && typeof piece === 'number') declared = current.element;
    else return undefined;
  }
  return declared;
};

/** The object at `path` of a schema; undefined if there is none. */
export const objectAt = (schema: z.ZodType | undefined, path: readonly PropertyKey[]): z.ZodObject | undefined => {
  const found = sentSchema(schemaAt(schema, path));
  return found instanceof z.ZodObject ? found : undefined;
};

/** `an object with symbol, and optional name and currency`. An object with more than `maxListed` members: `an object`. */
export const objectText = ({ shape }: z.ZodObject): string => {
  const names = Object.keys(shape);
  if (names.length > maxListed) return 'an object';
  const optional = names.filter((name) => isOptional(shape[name]));
  const required = names.filter((name) => !optional.includes(name));
  if (optional.length === 0) return `an object with ${listed(required, 'and')}`;
  const may = `optional ${listed(optional, 'and')}`;
  return required.length === 0 ? `an object with ${may}` : `an object with ${listed(required, 'and')}, and ${may}`;
};

/** What the items of an array are: the values, or the members of an object. */
const itemsText = (array: z.ZodArray): string => {
  const item = sentSchema(array.element);
  if (item instanceof z.ZodEnum) return `an array of ${listed(item.options.slice(0, maxListed).map(String))}`;
  return item instanceof z.ZodObject ? `an array, each item ${objectText(item)}` : 'an array';
};

/** Examples and the description of a schema. The outermost declaration that has them decides. */
const metaOf = (declared: unknown): { readonly description?: string; readonly example?: unknown } => {
  let description: string | undefined;
  let example: unknown;
  let current = declared;
  while (current instanceof z.ZodType) {
    const meta = current.meta();
    description ??= meta?.description;
    example ??= (meta?.['examples'] as readonly unknown[] | undefined)?.[0];
    if (isOptional(current) || current instanceof z.ZodNullable) current = current.unwrap();
    else if (current instanceof z.ZodPipe) current = current.in;
    else break;
  }
  return { ...(description !== undefined && { description }), example };
};

/** The first sentence of a description. */
const firstSentence = (description: string): string => description.split(/\. |\.$/, 1)[0]!;

const inSentence = (text: string): string => (/^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text);

/** The text for a member or parameter that is missing, with what to send as far as its schema says it. */
export const requiredText = (
  part: Part,
  name: string,
  {
    schema,
    path,
    issue,
  }: { readonly schema: z.ZodType; readonly path: readonly PropertyKey[]; readonly issue: z.core.$ZodIssue },
): string => {
  const declared = schemaAt(schema, path);
  const { description = '', example } = metaOf(declared);
  const sentence = firstSentence(description);
  const about = sentence === '' || sentence.length > maxDescription ? '' : ` (${inSentence(sentence)})`;
  if (part === 'query') {
    const value = typeof example === 'string' ? example : '...';
    return `${name} is required: add ${name}=${value} to the query${about}`;
  }
  const sent = sentSchema(declared);
  const values = issue.code === 'invalid_value' ? listed(issue.values.slice(0, maxListed).map(String)) : undefined;
  const type = issue.code === 'invalid_type' ? typeNames[issue.expected] : values;
  const what = sent instanceof z.ZodArray ? itemsText(sent) : type;
  if (what === undefined) return `${name} is required`;
  return `${name} is required: send ${what}${about}${example === undefined ? '' : `, such as ${JSON.stringify(example)}`}`;
};
