import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { createRequestStarts } from '#src/http/server/request-starts.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { eventually } from '#testkit/eventually.ts';
import { jsonBody, serve } from './support.ts';
import { recordAbuse } from '#testkit/abuse.ts';

const common = { tag: 'test', summary: 'A route', rateLimit: 'none', errors: [] } as const;
const ok = { 200: z.strictObject({}) };
const done = { status: 200 as const, body: {} };
const limits = { pricing: 2, batch: 1, read: 100, write: 100 };

const routes = (price: () => Promise<void>): Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/pricing/price',
    load: 'pricing',
    auth: 'public',
    request: { body: z.strictObject({}) },
    responses: ok,
    handler: async () => {
      await price();
      return done;
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/assets',
    load: 'read',
    auth: 'public',
    request: {},
    responses: ok,
    handler: async () => done,
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/health/live',
    load: 'none',
    atRoot: true,
    auth: 'public',
    request: {},
    responses: ok,
    handler: async () => done,
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/auth/token',
    load: 'none',
    auth: 'public',
    request: {},
    responses: ok,
    handler: async () => done,
  }),
];

const clientIp = createClientIp({ trustedProxies: ['127.0.0.1'] });

test('beyond its limit a class is refused at once; the others, health and auth go on', async (t) => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const metrics = recordMetrics();
  const starts = createRequestStarts(clientIp);
  const { call } = await serve(t, {
    starts,
    routes: routes(() => {
      running += 1;
      return gate.promise;
    }),
    loadShedding: createLoadShedding(
      { limits, callerPercent: 100, lagMs: 60_000 },
      { metrics, abuse: recordAbuse(), starts },
    ),
  });
  const held = [1, 2].map(() => call('/api/v1/pricing/price', jsonBody({})));
  await eventually(() => running === 2, 'both requests are in progress');
  const began = performance.now();
  // Refused before its body is looked at, or it would be a 400.
  const refused = await call('/api/v1/pricing/price', jsonBody('not json'));
  t.true(performance.now() - began < 5_000);
  t.is(refused.status, 503);
  t.is(refused.headers.get('retry-after'), '1');
  t.like(await refused.json(), { code: 'overloaded', category: 'overload' });
  t.is(metrics.value('volwatch_load_shed_total', { load_class: 'pricing', reason: 'concurrency' }), 1);
  t.is((await call('/api/v1/assets')).status, 200);
  t.is((await call('/health/live')).status, 200);
  t.is((await call('/api/v1/auth/token', { method: 'POST' })).status, 200);
  gate.resolve();
  for (const response of await Promise.all(held)) t.is(response.status, 200);
  t.is((await call('/api/v1/pricing/price', jsonBody({}))).status, 200, 'the places are free again');
});

test.serial('pricing that keeps the event loop busy is shed before reads suffer', async (t) => {
  const metrics = recordMetrics();
  const busy = async (): Promise<void> => {
    for (const until = performance.now() + 10; performance.now() < until;);
  };
  const flood = async (lagMs: number) => {
    const starts = createRequestStarts(clientIp);
    const { call } = await serve(t, {
      starts,
      routes: routes(busy),
      loadShedding: createLoadShedding(
        { limits: { ...limits, pricing: 1_000 }, callerPercent: 100, lagMs },
        { metrics, abuse: recordAbuse(), starts },
      ),
    });
    const over = new AbortController();
    const priced: number[] = [];
    const clients = Array.from({ length: 40 }, async () => {
      while (!over.signal.aborted) {
        const response = await call('/api/v1/pricing/price', jsonBody({}));
        await response.arrayBuffer();
        priced.push(response.status);
        // A refused client waits before its next request, as a real one does.
        if (response.status === 503) await sleep(50);
      }
    });
    // The load must last for a while before the reads, because the event loop is late only then.
    await sleep(600);
    const took: number[] = [];
    for (let read = 0; read < 7; read += 1) {
      const began = performance.now();
      t.is((await call('/api/v1/assets')).status, 200);
      took.push(performance.now() - began);
    }
    over.abort();
    await Promise.all(clients);
    return { median: took.sort((a, b) => a - b)[3]!, priced };
  };
  const unguarded = await flood(60_000);
  // Before the first requests are refused, 40 of them take 400 ms. Reads are refused at four times this lag, and must not be here.
  const guarded = await flood(50);
  t.true(guarded.priced.includes(503) && guarded.priced.includes(200));
  t.true(metrics.value('volwatch_load_shed_total', { load_class: 'pricing', reason: 'lag' }) > 0);
  t.is(metrics.value('volwatch_load_shed_total', { load_class: 'read' }), 0);
  t.true(guarded.median < unguarded.median / 2, `${guarded.median} ms against ${unguarded.median} ms`);
});

test.serial('a client whose requests do not wait is not refused while another one has too many', async (t) => {
  const metrics = recordMetrics();
  const starts = createRequestStarts(clientIp);
  const busy = async (): Promise<void> => {
    for (const until = performance.now() + 5; performance.now() < until;);
  };
  const { call } = await serve(t, {
    starts,
    clientIp,
    routes: routes(busy),
    loadShedding: createLoadShedding(
      { limits: { ...limits, pricing: 1_000 }, callerPercent: 100, lagMs: 50 },
      { metrics, abuse: recordAbuse(), starts },
    ),
  });
  const price = async (client: string): Promise<number> => {
    const response = await call('/api/v1/pricing/price', jsonBody({}, { 'X-Forwarded-For': client }));
    await response.arrayBuffer();
    return response.status;
  };
  const over = new AbortController();
  const many: number[] = [];
  const clients = Array.from({ length: 80 }, async () => {
    while (!over.signal.aborted) {
      many.push(await price('192.0.2.1'));
    }
  });
  await eventually(() => many.includes(503), 'the client with many requests is refused');
  const other: number[] = [];
  for (let count = 0; count < 20; count += 1) other.push(await price('192.0.2.2'));
  const refused = many.filter((status) => status === 503).length;
  over.abort();
  await Promise.all(clients);
  t.deepEqual(
    other.filter((status) => status !== 200),
    [],
    `${refused} of ${many.length} of the other client were refused`,
  );
});
