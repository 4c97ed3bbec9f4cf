import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { compileRoute } from '#src/http/routing/compiled-route.ts';
import { createResponseCheck } from '#src/http/routing/response-check.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { serve } from '../support.ts';

/** Answers what the query says, which may break the schema. */
const route = defineRoute({
  method: 'GET',
  path: '/answer',
  tag: 'Test',
  summary: 'Answers a good or a broken body',
  auth: 'public',
  rateLimit: 'none',
  load: 'read',
  request: { query: z.strictObject({ kind: z.enum(['good', 'broken', 'broken-list', 'undeclared', 'circular']) }) },
  responses: { 200: z.strictObject({ price: z.number(), data: z.array(z.number()).optional() }) },
  errors: [],
  handler: async ({ query }) => {
    const circular: Record<string, unknown> = { price: 1 };
    circular['self'] = circular;
    const bodies: Record<string, unknown> = {
      good: { price: 1 },
      broken: { price: 'canary-one' },
      'broken-list': { price: 1, data: ['canary-one'] },
      undeclared: { price: 1 },
      circular,
    };
    return { status: query.kind === 'undeclared' ? 201 : 200, body: bodies[query.kind] } as never;
  },
});

const production = { strict: false, percent: 100 };

test('outside production a response that breaks its schema is a 500 with the place in the detail', async (t) => {
  const { call } = await serve(t, { routes: [route] });
  const answer = await call('/api/v1/answer?kind=broken');
  t.is(answer.status, 500);
  const { code, detail } = (await answer.json()) as { code: string; detail: string };
  t.is(code, 'internal_error');
  t.regex(detail, /^The response of GET \/api\/v1\/answer breaks its schema: response schema: \/price: /);
  t.is((await call('/api/v1/answer?kind=good')).status, 200);
});

for (const kind of ['broken', 'broken-list', 'undeclared'] as const) {
  test(`in production a response that breaks its schema is sent, counted, and logged without values: ${kind}`, async (t) => {
    const { call, lines, reported } = await serve(t, {
      routes: [route],
      production: true,
      responseValidation: production,
    });
    for (const _ of [1, 2, 3]) t.true((await call(`/api/v1/answer?kind=${kind}`)).ok);
    t.is((await call('/api/v1/answer?kind=good')).status, 200);
    const labels = { category: 'internal', code: 'internal_error', http_route: '/api/v1/answer' };
    const counted = reported.filter(({ name }) => name === 'volwatch_errors_total');
    t.deepEqual(
      counted.map((each) => each.labels),
      [labels, labels, labels],
    );
    // One line a minute, because each request would write one.
    const logged = lines.filter(({ message }) => message === 'a response breaks its schema');
    t.is(logged.length, 1);
    t.like(logged[0], { level: 'error', code: 'internal_error', route: '/api/v1/answer' });
    t.regex(String(logged[0]?.['err']), /response schema: /);
    t.false(String(logged[0]?.['err']).includes('canary'));
  });
}

test('in production a response that cannot be serialised is a 500', async (t) => {
  const { call } = await serve(t, { routes: [route], production: true, responseValidation: production });
  const answer = await call('/api/v1/answer?kind=circular');
  t.is(answer.status, 500);
  t.is(((await answer.json()) as { detail: string }).detail, 'An unexpected error occurred');
});

test('large responses are sampled, small ones are always checked', async (t) => {
  const compiled = compileRoute(route, '/api/v1/answer', { unknownQuery: 'refuse' });
  const refusalsOf = async (body: unknown, percent: number): Promise<number> => {
    let draw = 0;
    const check = createResponseCheck({
      strict: true,
      percent,
      logger: silentLogger,
      metrics: noMetrics,
      clock: systemClock,
      random: () => (draw++ % 100) / 100,
    });
    let refused = 0;
    for (let sent = 0; sent < 1_000; sent += 1) {
      try {
        await check(compiled, { status: 200, body }, { signal: new AbortController().signal });
      } catch (error) {
        refused += error instanceof AppError ? 1 : 0;
      }
    }
    return refused;
  };
  const large = { price: 1, data: ['x'] };
  t.is(await refusalsOf(large, 1), 10);
  t.is(await refusalsOf(large, 25), 250);
  t.is(await refusalsOf(large, 0), 0);
  t.is(await refusalsOf(large, 100), 1_000);
  t.is(await refusalsOf({ price: 'x' }, 0), 1_000);
  t.is(await refusalsOf({ price: 1 }, 0), 0);
});
