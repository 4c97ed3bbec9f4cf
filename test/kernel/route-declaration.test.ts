import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';

const common = {
  method: 'GET',
  path: '/x',
  tag: 'x',
  summary: 'x',
  request: {},
  responses: { 200: z.strictObject({}) },
  errors: [],
  handler: async () => ({ status: 200 as const, body: {} }),
} as const;

// `npm run check:types` fails when one of these lines compiles.
test('a route without a policy does not compile', (t) => {
  t.like(defineRoute({ ...common, auth: 'public', rateLimit: 'ip' }), { auth: 'public', rateLimit: 'ip' });
  // @ts-expect-error -- no `auth`
  t.is(defineRoute({ ...common, rateLimit: 'ip' }).auth, undefined);
  // @ts-expect-error -- no `rateLimit`
  t.is(defineRoute({ ...common, auth: 'public' }).rateLimit, undefined);
  // @ts-expect-error -- no such scope
  t.deepEqual(defineRoute({ ...common, auth: { scope: 'everything' }, rateLimit: 'ip' }).auth, { scope: 'everything' });
});
