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

const rules = { auth: 'public', rateLimit: 'caller', load: 'read' } as const;

// `npm run check:types` fails when one of these lines compiles.
test('a route without a policy does not compile', (t) => {
  t.like(defineRoute({ ...common, ...rules }), rules);
  // @ts-expect-error -- no `auth`
  t.is(defineRoute({ ...common, rateLimit: 'caller', load: 'read' }).auth, undefined);
  // @ts-expect-error -- no `rateLimit`
  t.is(defineRoute({ ...common, auth: 'public', load: 'read' }).rateLimit, undefined);
  // @ts-expect-error -- no `load`
  t.is(defineRoute({ ...common, auth: 'public', rateLimit: 'caller' }).load, undefined);
  // @ts-expect-error -- no such scope
  t.deepEqual(defineRoute({ ...common, ...rules, auth: { scope: 'everything' } }).auth, { scope: 'everything' });
});

test('a code that the http room adds to a route cannot be declared', (t) => {
  t.deepEqual(defineRoute({ ...common, ...rules, errors: ['resource_not_found'] }).errors, ['resource_not_found']);
  // @ts-expect-error -- added to every route
  t.deepEqual(defineRoute({ ...common, ...rules, errors: ['internal_error'] }).errors, ['internal_error']);
  // @ts-expect-error -- added to every route under the base path
  t.deepEqual(defineRoute({ ...common, ...rules, errors: ['database_timeout'] }).errors, ['database_timeout']);
  // @ts-expect-error -- added by `auth`
  t.deepEqual(defineRoute({ ...common, ...rules, errors: ['token_expired'] }).errors, ['token_expired']);
});
