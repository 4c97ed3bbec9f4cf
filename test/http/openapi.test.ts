import test from 'ava';
import { z } from 'zod';
import { createHealth } from '#src/http/health.ts';
import { errorCodes } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve } from './support.ts';

const item = z.strictObject({ symbol: z.string().meta({ id: 'Symbol' }), name: z.string().nullable() });
const routes = [
  defineRoute({
    method: 'GET',
    path: '/items/{symbol}/prices',
    tag: 'items',
    summary: 'Prices',
    auth: { scope: 'ml:read' },
    rateLimit: 'caller',
    load: 'none',
    etag: 'weak',
    fields: true,
    request: {
      path: z.strictObject({ symbol: z.string() }),
      query: z.strictObject({ ...pageQuery, fields: fieldsQuery(item) }),
      headers: z.object({ prefer: z.string().optional() }),
    },
    responses: { 200: listOf(item) },
    errors: ['resource_not_found'],
    handler: async ({ query }) => ({
      status: 200,
      body: { data: [], page: { next_cursor: null, limit: query.limit } },
    }),
  }),
  defineRoute({
    method: 'POST',
    path: '/items',
    tag: 'items',
    summary: 'Makes one',
    auth: 'public',
    rateLimit: 'caller',
    load: 'none',
    request: { body: item },
    responses: { 201: item, 204: null },
    errors: [],
    handler: async ({ body }) => ({ status: 201, body }),
  }),
  ...createHealth({ checks: [], clock: systemClock, metrics: noMetrics, version: '1', isUnready: () => false }).routes,
];

type Operation = {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: unknown }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<
    string,
    { $ref?: string; description: string; content?: Record<string, { schema: Record<string, unknown> }> }
  >;
  security: unknown[];
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { responses: Record<string, Operation['responses'][string]>; schemas: Record<string, object> };
};

test('the document is well-formed OpenAPI 3.1 and says everything about a route', async (t) => {
  const { call } = await serve(t, { routes });
  const document = (await (await call('/openapi.json')).json()) as Document;
  t.is(document.openapi, '3.1.0');

  for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
    let target: unknown = document;
    for (const piece of reference!.replace(/^#\//, '').split('/')) target = (target as Record<string, unknown>)[piece];
    t.true(typeof target === 'object', reference);
  }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const ids = operations.map(({ operation }) => operation.operationId);
  t.is(new Set(ids).size, ids.length);
  for (const { path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = operation.parameters.filter((each) => each.in === 'path');
    t.deepEqual(
      declared.map(({ name }) => name),
      inPath as string[],
      path,
    );
    t.true(declared.every(({ required }) => required));
    t.true(Object.keys(operation.responses).length > 0);
    for (const { description } of Object.values(operation.responses)) t.truthy(description);
    t.is(operation.responses['500']?.$ref, '#/components/responses/InternalError', path);
  }

  const prices = document.paths['/api/v1/items/{symbol}/prices']?.['get'];
  t.deepEqual(prices?.parameters.find(({ name }) => name === 'limit')?.schema, {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
  });
  for (const status of ['200', '304', '401', '403', '404', '406', '422', '429', '500', '503']) {
    t.truthy(prices?.responses[status], status);
  }
  t.deepEqual(prices?.security, [{ oauth2: ['ml:read'] }, { bearer: [] }, { apiKey: [] }, { session: [] }]);
  t.deepEqual(document.components.responses['NotFound']?.content?.['application/problem+json']?.schema, {
    $ref: '#/components/schemas/Problem',
  });
  const headers = prices?.parameters.filter((each) => each.in === 'header').map(({ name }) => name);
  t.deepEqual(headers, ['Prefer', 'If-None-Match', 'X-Request-ID']);
  const made = document.paths['/api/v1/items']?.['post'];
  t.is(made?.requestBody?.content['application/json']?.schema['additionalProperties'], false);
  t.truthy(made?.responses['413'] && made.responses['415']);
  t.is(made?.responses['204']?.content, undefined);
});

const nested = z.strictObject({ since: z.string().default('1970-01-01') }).meta({ id: 'Nested' });
const named = z.strictObject({ nested }).meta({ id: 'Named' });
const plain = z.object({ text: z.string() }).meta({ id: 'Plain' });
const namedRoute = (id: string) =>
  defineRoute({
    ...routes[1]!,
    path: `/${id}`,
    request: { body: z.strictObject({ named, plain }).meta({ id: `${id}Request` }) },
    responses: { 201: z.strictObject({ named, plain }).meta({ id: `${id}Answer` }), 204: null },
    handler: async () => ({ status: 204 as const, body: null }),
  });

test('a named schema is a component; it becomes two if requests and answers differ', async (t) => {
  const { call } = await serve(t, { routes: [namedRoute('one'), namedRoute('other')] });
  const { components, paths } = (await (await call('/openapi.json')).json()) as Document;
  const own = Object.keys(components.schemas).filter((name) => !/Problem|Error|ServiceIndex/.test(name));
  t.deepEqual(
    own,
    ['Named', 'NamedInput', 'Nested', 'NestedInput', 'Plain', 'oneAnswer', 'oneRequest', 'otherAnswer', 'otherRequest'],
    'Plain is the same in both directions',
  );
  const nestedIn = '#/components/schemas/NestedInput';
  t.like(components.schemas['NamedInput'], { additionalProperties: false, properties: { nested: { $ref: nestedIn } } });
  t.like(components.schemas['Nested'], { required: ['since'] });
  t.false('required' in components.schemas['NestedInput']!);
  t.false('additionalProperties' in components.schemas['Named']!, 'an answer may get new members');
  t.deepEqual(paths['/api/v1/one']?.['post']?.requestBody?.content['application/json']?.schema, {
    $ref: '#/components/schemas/oneRequest',
  });
});

test('two different schemas with one id let the start fail', async (t) => {
  const route = (path: `/${string}`, body: z.ZodType) =>
    defineRoute({
      ...routes[1]!,
      path,
      request: { body },
      handler: async () => ({ status: 204 as const, body: null }),
    });
  const twice = [z.strictObject({ a: z.string() }), z.strictObject({ b: z.string() })].map((schema, index) =>
    route(`/${index}`, schema.meta({ id: 'Twice' })),
  );
  await t.throwsAsync(serve(t, { routes: twice }), { message: /the id Twice/ });
});

test('GET / sends a browser to the documentation, and gives links to a program', async (t) => {
  const { call } = await serve(t, { routes });
  const browser = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
  const sent = await call('/', { headers: browser, redirect: 'manual' });
  t.is(sent.status, 302);
  t.is(sent.headers.get('location'), '/docs');
  for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json' }]) {
    const answer = await call('/', { headers, redirect: 'manual' });
    t.is(answer.status, 200);
    t.regex(answer.headers.get('vary') ?? '', /Accept/);
    const { links } = (await answer.json()) as { links: Record<string, string> };
    t.is(links['api'], '/api/v1');
    for (const path of ['documentation', 'openapi', 'problems']) t.is((await call(links[path]!)).status, 200, path);
  }
  t.is((await call('/', { headers: { Accept: 'image/png' } })).status, 406);
});

test('the docs page loads everything from its own origin and runs no inline script', async (t) => {
  const { call } = await serve(t, { routes });
  const response = await call('/docs');
  const html = await response.text();
  t.regex(response.headers.get('content-security-policy') ?? '', /script-src 'self'(;|$)/);
  t.notRegex(html, /<script>|<style|style=|https?:/);
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
  t.true(links.length >= 4);
  for (const link of links) {
    const asset = await call(link);
    t.is(asset.status, 200, link);
    t.regex(asset.headers.get('cache-control') ?? '', /max-age/);
    t.true((await asset.arrayBuffer()).byteLength > 0);
  }
  t.is((await call('/docs/swagger-ui.css')).headers.get('content-type'), 'text/css; charset=utf-8');
});

test('the index of problems links every code; an unknown one is 404', async (t) => {
  const { call } = await serve(t, { routes });
  const html = await (await call('/problems')).text();
  for (const code of errorCodes) t.true(html.includes(`href="/problems/${code}"`), code);
  t.is((await call('/problems/nothing')).status, 404);
});
