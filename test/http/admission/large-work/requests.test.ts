import test from 'ava';
import { z } from 'zod';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { createRequestStarts } from '#src/http/server/request-starts.ts';
import { integerParameter, pageQuery } from '#src/kernel/lists/pagination.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { serve } from '../../support.ts';

const common = { tag: 'test', summary: 'A route', rateLimit: 'none', errors: [], auth: 'public' } as const;
const done = { status: 200 as const, body: {} };
const limits = { pricing: 100, batch: 100, read: 100, write: 100 };
const maxSmallBytes = 262_144;

const routes = (handle: (size: number) => Promise<void>): Route[] => [
  defineRoute({
    ...common,
    method: 'GET',
    path: '/assets',
    load: 'read',
    scansBy: ['from'],
    request: {
      query: z.strictObject({
        ...pageQuery,
        latest: integerParameter(1, 1_000).optional(),
        from: z.string().optional(),
      }),
    },
    responses: { 200: z.strictObject({}) },
    handler: async ({ query: { limit, latest, from } }) => {
      await handle(from === undefined ? (latest ?? limit) : Infinity);
      return done;
    },
  }),
  defineRoute({
    ...common,
    method: 'PUT',
    path: '/settings',
    load: 'write',
    consumes: ['application/octet-stream'],
    rawBody: true,
    bodyLimit: 'document',
    request: { body: z.custom<{ readonly byteLength: number }>(() => true) },
    responses: { 200: z.strictObject({}) },
    handler: async ({ body }) => {
      await handle(body.byteLength);
      return done;
    },
  }),
];

for (const [kind, places, path, options] of [
  ['page', 4, (size: number) => `/api/v1/assets?limit=${size}`, () => ({})],
  ['page of the latest rows', 4, (size: number) => `/api/v1/assets?latest=${size}`, () => ({})],
  ['scan', 4, (size: number) => `/api/v1/assets${size > 100 ? '?from=2024-01-01' : ''}`, () => ({})],
  [
    'body',
    3,
    () => '/api/v1/settings',
    (size: number) => ({
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: Buffer.alloc(size, 'x'),
    }),
  ],
] as const) {
  test(`a large ${kind} waits for a place, and a small one does not`, async (t) => {
    const gate = Promise.withResolvers<void>();
    const handled: number[] = [];
    const starts = createRequestStarts(createClientIp({ trustedProxies: ['127.0.0.1'] }));
    const { call } = await serve(t, {
      starts,
      limits: { documentBodyLimitBytes: 2 * maxSmallBytes },
      routes: routes(async (size) => {
        handled.push(size);
        if (size > small) await gate.promise;
      }),
      loadShedding: createLoadShedding(
        { limits, callerPercent: 100, lagMs: 60_000 },
        { metrics: recordMetrics(), abuse: recordAbuse(), starts },
      ),
    });
    const small = kind === 'body' ? maxSmallBytes : 100;
    const send = (size: number) => call(path(size), options(size));
    const large = Array.from({ length: places + 1 }, () => send(small + 1));
    await eventually(() => handled.length === places, 'the places are taken');
    t.is((await send(small)).status, 200);
    t.is(handled.length, places + 1, 'the last large one still waits');
    gate.resolve();
    const answers = await Promise.all(large);
    t.true(answers.every(({ status }) => status === 200));
    t.is(handled.length, places + 2);
  });
}
