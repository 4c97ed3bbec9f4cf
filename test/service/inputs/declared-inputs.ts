import type { Document, Operation } from '../../http/fuzz/requests.ts';
import type { Schema } from '../../http/fuzz/arbitrary.ts';

type Place = 'path' | 'query' | 'header' | 'json' | 'form';
/** One input of an operation. `members` leads to it in a body; elsewhere it is the name. */
export type DeclaredInput = {
  readonly place: Place;
  readonly members: readonly (string | number)[];
  readonly schema: Schema;
};

export type DeclaredOperation = {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
  readonly inputs: readonly DeclaredInput[];
};

export const formType = 'application/x-www-form-urlencoded';
/** Members below this level are not walked, because schemas can refer to themselves. */
const maxDepth = 4;

export const resolved = (schema: Schema, document: Document): Schema =>
  typeof schema['$ref'] === 'string'
    ? (document.components.schemas[schema['$ref'].replace('#/components/schemas/', '')] ?? {})
    : schema;

type Member = Pick<DeclaredInput, 'members' | 'schema'>;

/** All values in a body: its members, their members, and the elements of lists. */
const membersOf = (given: Schema, document: Document, depth = 0): Member[] => {
  if (depth > maxDepth) return [];
  const schema = resolved(given, document);
  const within = (member: string | number, each: Schema): Member[] => [
    { members: [member], schema: resolved(each, document) },
    ...membersOf(each, document, depth + 1).map((inner) => ({ ...inner, members: [member, ...inner.members] })),
  ];
  const alternatives = [schema['oneOf'], schema['anyOf'], schema['allOf']].flat().filter((each) => each !== undefined);
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const items = schema['items'] as Schema | undefined;
  return [
    ...alternatives.flatMap((each) => membersOf(each as Schema, document, depth)),
    ...properties.flatMap(([name, each]) => within(name, each)),
    ...(items === undefined ? [] : within(0, items)),
  ];
};

/** Each operation of the document with all inputs that it declares. Also a route that is added later is in the list. */
export const declaredOperations = (document: Document): DeclaredOperation[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const content = Object.entries(operation.requestBody?.content ?? {});
      const places = new Set<string>();
      const bodyInputs = content
        .filter(([type]) => type.includes('json') || type === formType)
        .flatMap(([type, { schema }]) =>
          membersOf(schema, document).map(
            (member) => ({ ...member, place: type === formType ? 'form' : 'json' }) as const,
          ),
        )
        .filter(({ place, members }) => {
          const key = JSON.stringify([place, members]);
          return !places.has(key) && places.add(key);
        });
      const parameters = operation.parameters.map(({ name, in: place, schema }): DeclaredInput => ({
        place: place as Place,
        members: [name],
        schema,
      }));
      return { path, method: method.toUpperCase(), operation, inputs: [...parameters, ...bodyInputs] };
    }),
  );
