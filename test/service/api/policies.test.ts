import test from 'ava';
import { maxSmallPage, rowParameters } from '#src/http/admission/large-work.ts';
import { recordedExamples } from '#src/http/pages/openapi/recorded-examples.ts';
import { scopes } from '#src/kernel/requests/principal.ts';
import { setupDatabase } from '#testkit/database.ts';
import { call, serve } from '#testkit/running-service.ts';

type Parameter = { readonly name?: string; readonly in?: string; readonly schema?: { readonly maximum?: number } };
type Operation = {
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
};
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** What docs/roles.md and docs/security.md ("Who may do what") say. */
const scoped = {
  'audit:read': ['get /api/v1/audit/events'],
  'market:manage': [
    'delete /api/v1/universes/{name}',
    'post /api/v1/universes/{name}/prices',
    'put /api/v1/universes/{name}',
  ],
  'market:refresh': [
    'get /api/v1/refreshes',
    'get /api/v1/refreshes/{id}',
    'get /api/v1/refreshes/{id}/quarantined-prices',
    'post /api/v1/refreshes',
    'post /api/v1/webhooks',
    'post /api/v1/webhooks/{id}/rotate',
    'post /api/v1/webhooks/{id}/test',
  ],
  'ml:read': ['post /api/v1/ml/volatility-forecast'],
  'users:admin': [
    'get /api/v1/users',
    'get /api/v1/users/{id}',
    'patch /api/v1/users/{id}',
    'post /api/v1/users/{id}/sessions/revoke',
  ],
};
const publicParts = [
  /^(get|post) \/api\/v1\/(pricing\/(?!jobs)|assets|indexes|prices|universes)/,
  /^post \/api\/v1\/auth\/(register|login(\/second-factor)?|token|revoke)$/,
  /^get \/$/,
  /^(post|put) \/api\/v1\/account\/password-reset$/,
  /^put \/api\/v1\/account\/email$/,
  /^get \/(health|problems|openapi|docs|\.well-known)/,
  /^get \/api\/v1\/(health|problems|openapi|docs|calendar\/callback)/,
];

test('each route of the service lets in those whom the security page names, and lists have at most 1,000 rows', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, FAULT_INJECTION: 'false' });
  const { body } = await call(`${service.url}/openapi.json`);
  const operations = Object.entries((body as unknown as Document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  t.true(operations.length > 30);
  const found: Record<string, string[]> = {};
  for (const { name, operation } of operations) {
    const security = operation.security ?? [];
    if (security.length === 0 || security.some((way) => Object.keys(way).length === 0)) {
      t.true(
        publicParts.some((part) => part.test(name)),
        `${name} is public: the page does not say so`,
      );
    }
    for (const scope of new Set(security.flatMap((scheme) => Object.values(scheme).flat()))) {
      (found[scope] ??= []).push(name);
    }
    const numbers = (operation.parameters ?? []).filter(
      (parameter) => name.startsWith('get ') && parameter.in === 'query' && parameter.schema?.maximum !== undefined,
    );
    for (const { name: parameter = '', schema } of numbers) {
      t.true(schema!.maximum! <= 1_000, `${name}: ${parameter}`);
      // A large answer needs a place, so that many callers do not hold all database connections with such answers.
      const isCounted = schema!.maximum! <= maxSmallPage || rowParameters.some((each) => each === parameter);
      t.true(isCounted, `${name}: add ${parameter} to rowParameters in src/http/admission/large-work.ts`);
    }
  }
  t.deepEqual(
    scopes.filter((scope) => found[scope] === undefined),
    [],
    'a scope without a route: declare it in a route',
  );
  t.deepEqual(Object.fromEntries(Object.entries(found).map(([scope, names]) => [scope, names.toSorted()])), scoped);
});

test('only the pages that explain a refusal, and health, have no rate limit', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, FAULT_INJECTION: 'false' });
  const { body } = await call(`${service.url}/openapi.json`);
  const unlimited = Object.entries((body as unknown as Document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) => ('429' in responses ? [] : [`${method} ${path}`])),
  );
  t.deepEqual(unlimited.toSorted(), [
    'get /',
    'get /health',
    'get /health/live',
    'get /health/ready',
    'get /health/serving',
    'get /problems',
    'get /problems/{code}',
  ]);
});

test('each operation of the document has an example, a description and a tag that is described', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, FAULT_INJECTION: 'false' });
  const { body } = await call(`${service.url}/openapi.json`);
  type Described = {
    readonly paths: Record<string, Record<string, { tags: string[]; description?: string }>>;
    readonly tags: { name: string; description?: string }[];
  };
  const { paths, tags } = body as unknown as Described;
  const described = new Set(tags.filter(({ description }) => description !== undefined).map(({ name }) => name));
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${method.toUpperCase()} ${path}`;
      t.truthy(recordedExamples[name], `${name}: add a step to testkit/examples and run npm run examples:record`);
      t.truthy(operation.description, name);
      t.true(
        operation.tags.every((tag) => described.has(tag)),
        `${name}: describe its tag in openapi/tags.ts`,
      );
    }
  }
  const bytes = Buffer.byteLength(JSON.stringify(body));
  t.true(bytes < 700_000, `the document stays small: ${bytes} bytes`);
});
