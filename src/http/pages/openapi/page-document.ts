import type { OpenApiDocument } from './document.ts';
import type { Json } from './json.ts';

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keywords that OpenAPI 3.0 does not have, and that the page would not show either. */
const leftOut = new Set([
  'if',
  'then',
  'else',
  'dependentRequired',
  'propertyNames',
  'not',
  'examples',
  'const',
  '$ref',
]);

const isNull = (schema: unknown): boolean => isObject(schema) && schema['type'] === 'null';

const limitOf = (name: 'minimum' | 'maximum', exclusive: unknown): Json =>
  typeof exclusive === 'number'
    ? { [name]: exclusive, [`exclusive${name[0]!.toUpperCase()}${name.slice(1)}`]: true }
    : {};

/** One type with `nullable`, or one schema for each type. */
const typeOf = (type: unknown): Json => {
  if (!Array.isArray(type)) return {};
  const types = type.filter((each) => each !== 'null');
  const nullable = types.length < type.length ? { nullable: true } : {};
  if (types.length === 1) return { type: types[0], ...nullable };
  return { type: undefined, anyOf: types.map((each) => ({ type: each })), ...nullable };
};

const memberOf = (name: string, value: unknown): unknown => {
  if (name === 'properties' && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([property, schema]) => [property, schemaOf(schema)]));
  }
  if (name === 'items' || name === 'additionalProperties') return schemaOf(value);
  if (name === 'allOf' || name === 'anyOf' || name === 'oneOf') {
    return (value as unknown[]).filter((schema) => !isNull(schema)).map(schemaOf);
  }
  return value;
};

/** The schema of `{ anyOf: [schema, { type: 'null' }] }`, if it is no reference. */
const onlyNullable = ({ anyOf }: Json): Json | undefined => {
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || !anyOf.some(isNull)) return undefined;
  const other: unknown = anyOf.find((schema) => !isNull(schema));
  return isObject(other) && other['$ref'] === undefined ? other : undefined;
};

const schemaOf = (schema: unknown): unknown => {
  if (!isObject(schema)) return schema;
  const nullable = onlyNullable(schema);
  if (nullable !== undefined) {
    const { anyOf: _, ...others } = schema;
    return schemaOf({ ...nullable, ...others, nullable: true });
  }
  const { $ref, ...others } = schema;
  if ($ref !== undefined && Object.keys(others).length === 0) return schema;
  const members = Object.entries(others)
    .filter(([name]) => !leftOut.has(name))
    .map(([name, value]) => [name, memberOf(name, value)]);
  const [example] = Array.isArray(others['examples']) ? others['examples'] : [];
  const allowsNull = [others['anyOf'], others['oneOf']].some((list) => Array.isArray(list) && list.some(isNull));
  return {
    ...(Object.fromEntries(members) as Json),
    ...typeOf(others['type']),
    ...limitOf('minimum', others['exclusiveMinimum']),
    ...limitOf('maximum', others['exclusiveMaximum']),
    ...(others['const'] !== undefined && { enum: [others['const']] }),
    ...(example !== undefined && { example }),
    ...(allowsNull && { nullable: true }),
    // Beside a reference OpenAPI 3.0 reads nothing else.
    ...($ref !== undefined && { allOf: [{ $ref }] }),
  };
};

/** The schemas in a part of the document, such as an operation. Examples are data and stay as they are. */
const partOf = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.map(partOf);
  if (!isObject(part)) return part;
  const convert = (name: string, value: unknown): unknown => {
    if (name === 'schema') return schemaOf(value);
    return name === 'example' || name === 'examples' ? value : partOf(value);
  };
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, convert(name, value)]));
};

/** A reference to a response with its own description, as one response. */
const responseOf = (response: unknown, shared: Json): unknown => {
  if (!isObject(response) || typeof response['$ref'] !== 'string') return response;
  const { $ref, ...own } = response;
  return Object.keys(own).length === 0 ? response : { ...(shared[$ref.split('/').at(-1)!] as Json), ...own };
};

const operationOf = (operation: unknown, shared: Json): unknown => {
  if (!isObject(operation) || !isObject(operation['responses'])) return operation;
  const responses = Object.entries(operation['responses']).map(([status, each]) => [status, responseOf(each, shared)]);
  return { ...operation, responses: Object.fromEntries(responses) };
};

/**
 * The document as OpenAPI 3.0, for the page only: Swagger UI reads 3.1 with another library, which takes seconds for a
 * document of this size. What 3.0 cannot say is left out here, and stays in `/openapi.json`.
 */
export const pageDocumentOf = (document: OpenApiDocument): Json => {
  const { webhooks: _, ...described } = document as Json;
  const { schemas = {}, responses = {}, ...components } = (document['components'] ?? {}) as Record<string, Json>;
  const shared = partOf(responses) as Json;
  const paths = Object.entries(partOf(document['paths']) as Record<string, Json>).map(([path, operations]) => [
    path,
    Object.fromEntries(Object.entries(operations).map(([method, each]) => [method, operationOf(each, shared)])),
  ]);
  return {
    ...described,
    openapi: '3.0.3',
    paths: Object.fromEntries(paths),
    components: {
      ...(partOf(components) as Json),
      responses: shared,
      schemas: memberOf('properties', schemas),
    },
  };
};
