import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { call, serve } from '#testkit/running-service.ts';

type Json = Readonly<Record<string, unknown>>;

/** The keywords of schemas in OpenAPI 3.0. */
const known = new Set(
  (
    '$ref allOf anyOf oneOf type format enum default description example nullable properties required items title ' +
    'additionalProperties minItems maxItems uniqueItems minLength maxLength pattern minimum maximum exclusiveMinimum ' +
    'exclusiveMaximum multipleOf discriminator minProperties maxProperties deprecated readOnly writeOnly'
  ).split(' '),
);

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a schema has that OpenAPI 3.0 does not have. */
const faultsOf = (place: string, schema: unknown): string[] => {
  if (!isObject(schema)) return [];
  const unknown = Object.keys(schema).filter((name) => !known.has(name) && !name.startsWith('x-'));
  const { type, $ref, properties = {}, items, additionalProperties, allOf, anyOf, oneOf } = schema;
  const inner: [string, unknown][] = [
    ...Object.entries(properties as Json),
    ...[items, additionalProperties, allOf, anyOf, oneOf].flat().map((each): [string, unknown] => ['', each]),
  ];
  return [
    ...unknown.map((name) => `${place}: ${name}`),
    ...(Array.isArray(type) || type === 'null' ? [`${place}: type ${String(type)}`] : []),
    ...($ref !== undefined && Object.keys(schema).length > 1 ? [`${place}: $ref with other keywords`] : []),
    ...inner.flatMap(([name, each]) => faultsOf(`${place}/${name}`, each)),
  ];
};

/** The schemas of a part of the document. */
const schemasIn = (part: unknown): unknown[] => {
  if (Array.isArray(part)) return part.flatMap(schemasIn);
  if (!isObject(part)) return [];
  return Object.entries(part).flatMap(([name, value]) => {
    if (name === 'schema') return [value];
    return name === 'example' || name === 'examples' ? [] : schemasIn(value);
  });
};

test('the page reads all operations as OpenAPI 3.0', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  const read = async (path: string) => (await call(`${service.url}${path}`)).body as Json;
  const [full, page] = [await read('/openapi.json'), await read('/docs/openapi.json')];
  const operationsOf = ({ paths }: Json) =>
    Object.entries(paths as Record<string, Json>).map(([path, methods]) => [path, Object.keys(methods)]);
  t.is(full['openapi'], '3.1.0');
  t.is(page['openapi'], '3.0.3');
  t.deepEqual(operationsOf(page), operationsOf(full));
  const { schemas, ...components } = page['components'] as Record<string, Json>;
  t.true(Object.keys(schemas!).length > 200);
  const named = Object.entries(schemas!).flatMap(([name, schema]) => faultsOf(name, schema));
  const others = schemasIn([page['paths'], components]);
  t.true(others.length > 200);
  t.deepEqual([...named, ...others.flatMap((schema) => faultsOf('paths', schema))], []);
  t.notRegex(JSON.stringify(page), /\{"\$ref":"#\/components\/responses\/\w+",/);
});
