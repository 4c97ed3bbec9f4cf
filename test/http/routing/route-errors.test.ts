import test from 'ava';
import type { RouteErrorCode } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { createRouting } from '#src/http/routing/router.ts';

type Rules = Pick<Route, 'auth' | 'load' | 'idempotency' | 'bodyLimit' | 'rawBody'>;
const compile = (rules: Rules, errors: readonly RouteErrorCode[]) =>
  createRouting({
    stepsOf: () => [],
    basePath: '/api/v1',
    unknownQuery: 'refuse',
    routes: [
      defineRoute({
        method: 'POST',
        path: '/x',
        tag: 'test',
        summary: 'For tests',
        rateLimit: 'caller',
        request: {},
        responses: { 204: null },
        handler: async () => ({ status: 204 as const, body: null }),
        ...rules,
        errors,
      }),
    ],
  });

const repeated: readonly [Rules, RouteErrorCode][] = [
  [{ auth: 'public', load: 'pricing' }, 'overloaded'],
  [{ auth: { scope: 'ml:read' }, load: 'none' }, 'scope_insufficient'],
  [{ auth: 'program', load: 'none' }, 'auth_service_error'],
  [{ auth: 'program', load: 'none', idempotency: true }, 'quota_exceeded'],
];

for (const [rules, code] of repeated) {
  test(`${code} follows from ${JSON.stringify(rules)} and cannot be declared again`, (t) => {
    t.throws(() => compile(rules, [code]), {
      message: `POST /api/v1/x declares ${code}, which follows from the rest of its declaration: remove it from \`errors\``,
    });
    t.notThrows(() => compile(rules, []));
  });
}

test('a route may declare a code that nothing else adds', (t) => {
  t.notThrows(() => compile({ auth: 'public', load: 'none' }, ['overloaded', 'scope_insufficient', 'quota_exceeded']));
});

for (const bodyLimit of ['batch', 'chunk'] as const) {
  test(`JSON of the body limit ${bodyLimit} is not parsed on the event loop`, (t) => {
    const rules: Rules = { auth: 'public', load: 'none', bodyLimit };
    t.throws(() => compile(rules, []), { message: /^\/api\/v1\/x has the body limit .*, so it needs rawBody/ });
    t.notThrows(() => compile({ ...rules, rawBody: true }, []));
  });
}
