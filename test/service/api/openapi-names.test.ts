import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { call, serve } from '#testkit/running-service.ts';
import type { Schema } from '../../http/fuzz/arbitrary.ts';

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
type Body = { readonly $ref?: string; readonly content?: Content };
type Operation = { readonly requestBody?: Body; readonly responses: Readonly<Record<string, Body>> };
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Body>> };
};

/** Whether a schema is named: a reference, a list of one, or a choice or sum of some. */
const isNamed = (schema: Schema): boolean => {
  if (typeof schema['$ref'] === 'string') return true;
  const parts = [schema['oneOf'], schema['anyOf'], schema['allOf']].find((each) => Array.isArray(each));
  if (parts !== undefined) return (parts as readonly Schema[]).every(isNamed);
  return schema['type'] === 'array' && isNamed((schema['items'] ?? {}) as Schema);
};

const unnamedIn = (place: string, { content = {} }: Body): string[] =>
  Object.entries(content)
    .filter(([type, { schema }]) => /[/+]json$/.test(type) && !isNamed(schema ?? {}))
    .map(([type]) => `${place} (${type})`);

test('each JSON body of a request and of an answer has a name, so that generated clients have a type for it', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.ready();
  const { paths, components } = (await call(`${service.url}/openapi.json`)).body as unknown as Document;
  let bodies = 0;
  const unnamed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody, responses }]) => {
      const name = `${method.toUpperCase()} ${path}`;
      const answers = Object.entries(responses).map(([status, answer]) => [`${name} ${status}`, answer] as const);
      const all = [...(requestBody ? [[`${name} request`, requestBody] as const] : []), ...answers];
      bodies += all.length;
      return all.flatMap(([place, body]) => unnamedIn(place, body));
    }),
  );
  const shared = Object.entries(components.responses).flatMap(([name, body]) => unnamedIn(`response ${name}`, body));
  t.true(bodies > 100, `${bodies}`);
  t.deepEqual([...unnamed, ...shared], [], "give the schema a name: .meta({ id: '...' })");
});
