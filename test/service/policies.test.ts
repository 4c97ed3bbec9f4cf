import test from 'ava';
import { scopes } from '#src/kernel/requests/principal.ts';
import { setupDatabase } from '#testkit/database.ts';
import { call, serve } from '#testkit/running-service.ts';

type Parameter = { readonly name?: string; readonly schema?: { readonly maximum?: number } };
type Operation = {
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
};
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** What docs/security.md says under "Who may do what". */
const scoped = {
  'audit:read': ['get /api/v1/audit/events'],
  'market:manage': ['delete /api/v1/universes/{name}', 'put /api/v1/universes/{name}'],
  'market:refresh': [
    'get /api/v1/refreshes',
    'get /api/v1/refreshes/{id}',
    'get /api/v1/refreshes/{id}/quarantined-prices',
    'post /api/v1/refreshes',
    'post /api/v1/webhooks',
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
  /^(get|post) \/api\/v1\/(pricing\/(?!jobs)|assets|indexes|universes)/,
  /^post \/api\/v1\/auth\/(register|login(\/second-factor)?|token|revoke)$/,
  /^get \/(health|problems|openapi|docs|\.well-known)/,
  /^get \/api\/v1\/(health|problems|openapi|docs)/,
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
    if (security.length === 0) {
      t.true(
        publicParts.some((part) => part.test(name)),
        `${name} is public: the page does not say so`,
      );
    }
    for (const scope of new Set(security.flatMap((scheme) => Object.values(scheme).flat()))) {
      (found[scope] ??= []).push(name);
    }
    for (const { schema } of (operation.parameters ?? []).filter((parameter) => parameter.name === 'limit')) {
      t.true((schema?.maximum ?? Infinity) <= 1_000, `${name}: limit`);
    }
  }
  t.deepEqual(
    scopes.filter((scope) => found[scope] === undefined),
    [],
    'a scope without a route: declare it in a route',
  );
  t.deepEqual(Object.fromEntries(Object.entries(found).map(([scope, names]) => [scope, names.toSorted()])), scoped);
});
