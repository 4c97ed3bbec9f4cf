import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Json } from './json.ts';

/** A request is described by what a schema accepts (`input`), an answer by what it returns (`output`). */
type Direction = 'input' | 'output';

export type Components = {
  /** The JSON Schema, or a reference to it if the schema has a name (`meta({ id })`). */
  readonly schemaOf: (schema: z.ZodType, direction: Direction) => Json;
  /** Replaces the references of `schemaOf` by the final ones, and adds `components.schemas`. Called once, at the end. */
  readonly finish: <Document extends Json>(document: Document) => Document;
};

type Forms = { readonly [Of in Direction]?: Json };

const definitions = '#/$defs/';
const prefix = '#/components/schemas/';
/** Between the name and the direction in a reference, until all schemas are known. */
const separator = '~';

/** Bounds that zod writes for each integer. They are the limits of the number type, and no rule of the API. */
const isTypeBound = (name: string, value: unknown): boolean =>
  (name === 'maximum' && value === Number.MAX_SAFE_INTEGER) ||
  (name === 'minimum' && value === Number.MIN_SAFE_INTEGER);

/** An answer may get new members later. `pattern` repeats what a format says. */
const isOmitted = (name: string, value: unknown, owner: Json, direction: Direction): boolean =>
  name === 'default' ||
  isTypeBound(name, value) ||
  (name === 'pattern' && typeof value === 'string' && typeof owner['format'] === 'string') ||
  (direction === 'output' && name === 'additionalProperties' && value === false);

/**
 * A default is told in words, because code generators make such a member required or send it with each request. A sent
 * `dividend_yield` would then exclude `dividends`.
 */
const withDefaultInWords = (owner: Json, direction: Direction): Json => {
  if (direction === 'output' || !('default' in owner)) return owner;
  const text = `Default: ${[owner['default']].flat().join(', ') || 'empty'}`;
  return {
    ...owner,
    description: typeof owner['description'] === 'string' ? `${owner['description']}. ${text}` : text,
  };
};

/**
 * A text in one of several formats, for example a date or an instant, is a text whose description names the formats.
 * Formats are notes and check nothing, and code generators make types of `anyOf` that do not compile.
 */
const withPlainText = (owner: Json): Json => {
  const { anyOf, ...rest } = owner;
  const isFormat = (schema: Json): boolean =>
    schema['type'] === 'string' && Object.keys(schema).every((name) => ['type', 'format', 'pattern'].includes(name));
  if (!Array.isArray(anyOf) || !anyOf.every((schema: Json) => isFormat(schema) && 'format' in schema)) return owner;
  return { type: 'string', ...rest };
};

/** Members of `properties` are names of the API, and must stay whatever they are called. */
const cleaned = (value: unknown, direction: Direction, areNames = false): unknown => {
  if (typeof value === 'string' && value.startsWith(definitions)) {
    return `${prefix}${value.slice(definitions.length)}${separator}${direction}`;
  }
  if (Array.isArray(value)) return value.map((item) => cleaned(item, direction));
  if (typeof value !== 'object' || value === null) return value;
  const owner = areNames ? (value as Json) : withPlainText(withDefaultInWords(value as Json, direction));
  const kept = Object.entries(owner)
    .filter(([name, member]) => areNames || !isOmitted(name, member, owner, direction))
    .map(([name, member]) => [name, cleaned(member, direction, !areNames && name === 'properties')] as const);
  return Object.fromEntries(kept);
};

/** Removes `$defs` at any level, because OpenAPI has one place for all of them. */
const takeDefinitions = (schema: Json, taken: Record<string, Json>): Json => {
  const { $schema: _, $defs = {}, ...rest } = schema;
  for (const [name, definition] of Object.entries($defs as Record<string, Json>)) {
    taken[name] = takeDefinitions(definition, taken);
  }
  return rest;
};

const withReferences = <Value>(value: Value, replace: (name: string, direction: Direction) => string): Value =>
  JSON.parse(
    JSON.stringify(value).replaceAll(/"#\/components\/schemas\/(\w+)~(input|output)"/g, (_, name: string, direction) =>
      JSON.stringify(prefix + replace(name, direction as Direction)),
    ),
  ) as Value;

/** The names whose two forms differ, also because a schema that they refer to has two forms. */
const namesWithTwoForms = (known: ReadonlyMap<string, Forms>): ReadonlySet<string> => {
  const differing = new Set<string>();
  const nameOf = (name: string, direction: Direction): string =>
    differing.has(name) ? `${name}${separator}${direction}` : name;
  let before: number;
  do {
    before = differing.size;
    for (const [name, { input, output }] of known) {
      if (input === undefined || output === undefined || differing.has(name)) continue;
      if (!isDeepStrictEqual(withReferences(input, nameOf), withReferences(output, nameOf))) differing.add(name);
    }
  } while (differing.size > before);
  return differing;
};

/**
 * Collects the named schemas of a document. A schema whose form in requests differs from its form in answers becomes
 * two: `Name` in answers and `NameInput` in requests.
 */
export const createComponents = (): Components => {
  const known = new Map<string, Forms>();

  const add = (name: string, direction: Direction, schema: Json): void => {
    const forms = known.get(name);
    const other = forms?.[direction];
    if (other !== undefined && !isDeepStrictEqual(other, schema)) {
      throw new Error(`Two different schemas have the id ${name}: give each its own id`);
    }
    known.set(name, { ...forms, [direction]: schema });
  };

  return {
    schemaOf: (schema, direction) => {
      const taken: Record<string, Json> = {};
      const json = z.toJSONSchema(schema, { io: direction, unrepresentable: 'any' }) as Json;
      const rest = takeDefinitions(json, taken);
      for (const [name, definition] of Object.entries(taken))
        add(name, direction, cleaned(definition, direction) as Json);
      return cleaned(rest, direction) as Json;
    },
    finish: (document) => {
      const twofold = namesWithTwoForms(known);
      const nameOf = (name: string, direction: Direction): string =>
        twofold.has(name) && direction === 'input' ? `${name}Input` : name;
      const schemas: Record<string, Json> = {};
      for (const [name, { input, output }] of known) {
        if (output !== undefined) schemas[nameOf(name, 'output')] = output;
        if (input !== undefined && (output === undefined || twofold.has(name))) schemas[nameOf(name, 'input')] = input;
      }
      const sorted = Object.fromEntries(Object.entries(schemas).toSorted(([one], [other]) => (one < other ? -1 : 1)));
      const { components = {} } = document as { readonly components?: Json };
      return withReferences({ ...document, components: { ...components, schemas: sorted } }, nameOf);
    },
  };
};
