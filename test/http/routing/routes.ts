import { z } from 'zod';
import { fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';

const common = {
  tag: 'test',
  summary: 'For tests',
  auth: 'public',
  rateLimit: 'none',
  load: 'write',
  errors: [],
} as const;
const item = z.strictObject({ symbol: z.string(), name: z.string() });
const echoBody = z.strictObject({
  spot: z.number().positive(),
  kind: z.enum(['call', 'put']).default('call'),
  'a/b~c': z.strictObject({ deep: z.array(z.int()).max(3) }).optional(),
});

/** Routes of each kind: JSON, bytes, a form with OAuth errors, a list, an item, a wrong answer, one with a scope. */
export const routes = [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/echo',
    request: { body: echoBody, query: z.object({ n: z.string().optional() }) },
    responses: { 200: z.looseObject({}) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/raw',
    consumes: ['application/vnd.apache.arrow.stream'],
    produces: 'application/vnd.apache.arrow.stream',
    bodyLimit: 'batch',
    request: { body: z.instanceof(ByteBlocks) },
    responses: { 200: z.instanceof(Buffer) },
    handler: async ({ body }) => ({ status: 200, body: Buffer.from(body.joined().toReversed()) }),
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/token',
    consumes: ['application/x-www-form-urlencoded'],
    errorFormat: 'oauth',
    request: { body: z.strictObject({ grant_type: z.literal('client_credentials') }) },
    responses: { 200: z.strictObject({ grant_type: z.string() }) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/items',
    fields: true,
    etag: 'weak',
    request: { query: z.strictObject({ ...pageQuery, fields: fieldsQuery(item) }) },
    responses: { 200: listOf(item) },
    handler: async ({ query }) => ({
      status: 200,
      body: { data: [{ symbol: 'A', name: 'a' }], page: { next_cursor: null, limit: query.limit } },
    }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/items/{symbol}',
    request: { path: z.strictObject({ symbol: z.string().max(8) }) },
    responses: { 200: z.strictObject({ symbol: z.string() }) },
    handler: async ({ path }) => ({ status: 200, body: path }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/broken',
    request: {},
    responses: { 200: z.strictObject({ n: z.number() }) },
    handler: async () => ({ status: 200, body: { n: 'text' as unknown as number } }),
  }),
  defineRoute({
    ...common,
    method: 'DELETE',
    path: '/secret',
    auth: { scope: 'ml:read' },
    rateLimit: 'caller',
    load: 'write',
    request: {},
    responses: { 204: null },
    handler: async () => ({ status: 204, body: null }),
  }),
];
