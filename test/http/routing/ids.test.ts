import test from 'ava';
import { z } from 'zod';
import { idParameter } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve } from '../support.ts';

const routeWith = (id: z.ZodType) =>
  defineRoute({
    tag: 'test',
    rateLimit: 'none',
    load: 'none',
    errors: [],
    method: 'GET',
    path: '/orders/{id}',
    summary: 'An order',
    auth: 'public',
    request: { path: z.strictObject({ id }) },
    responses: { 200: z.strictObject({ id: z.string() }) },
    handler: async ({ path }) => ({ status: 200, body: { id: String(path['id']) } }),
  });

test('a handler gets an id in small letters, as it is stored', async (t) => {
  const { call } = await serve(t, { routes: [routeWith(idParameter)] });
  const response = await call('/api/v1/orders/01A21B88-2F4D-7BBE-9CC7-B88DD739FB6C');
  t.deepEqual(await response.json(), { id: '01a21b88-2f4d-7bbe-9cc7-b88dd739fb6c' });
});

test('a route whose id keeps capital letters lets the start fail; a name may keep them', async (t) => {
  await t.throwsAsync(serve(t, { routes: [routeWith(z.uuid())] }), { message: /idParameter/ });
  await t.notThrowsAsync(serve(t, { routes: [routeWith(z.string().max(64))] }));
});
