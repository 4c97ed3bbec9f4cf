import test from 'ava';
import { z } from 'zod';
import { createRefusalDelay } from '#src/http/admission/refusal-delay.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve } from '../support.ts';

const delayMs = 500;
const common = { tag: 'test', summary: 'A route', load: 'none', errors: [], request: {}, method: 'GET' } as const;
const answer = async () => ({ status: 200 as const, body: {} });
const routes = [
  defineRoute({
    ...common,
    path: '/open',
    auth: 'public',
    rateLimit: 'caller',
    responses: { 200: z.strictObject({}) },
    handler: answer,
  }),
  defineRoute({
    ...common,
    path: '/own',
    auth: 'authenticated',
    rateLimit: 'caller',
    responses: { 200: z.strictObject({}) },
    handler: answer,
  }),
];
const over = (): AppError => new AppError('rate_limit_exceeded', 'Over the limit', { retryAfter: 7 });

for (const [path, name] of [
  ['/open', 'the limit of the address'],
  ['/own', 'the limit of refused credentials'],
] as const) {
  test(`answers over ${name} are delayed when there were many, and other addresses are not delayed`, async (t) => {
    const { call } = await serve(t, {
      routes,
      clientIp: createClientIp({ trustedProxies: ['127.0.0.1'] }),
      authenticate: async () => {
        throw over();
      },
      rateLimit: async () => {
        throw over();
      },
      refusalDelay: createRefusalDelay({ clock: systemClock, delayMs, maxUndelayed: 3 }),
    });
    const timed = async (from: string): Promise<number> => {
      const start = performance.now();
      const response = await call(`/api/v1${path}`, { headers: { 'X-Forwarded-For': from } });
      t.is(response.status, 429);
      t.is(response.headers.get('retry-after'), '7');
      return performance.now() - start;
    };
    const times: number[] = [];
    for (let number = 0; number < 5; number += 1) times.push(await timed('192.0.2.1'));
    t.true(Math.min(...times.slice(3)) >= delayMs - 5, String(times));
    t.true(Math.min(...times.slice(0, 3)) < delayMs, String(times));
    t.true(Math.min(await timed('192.0.2.2'), await timed('192.0.2.2')) < delayMs);
  });
}

test('the delay ends when the client is gone, and not more than 2,000 answers wait', async (t) => {
  const delay = createRefusalDelay({ clock: systemClock, delayMs: 60_000, maxUndelayed: 0 });
  const gone = new AbortController();
  const waiting = Array.from({ length: 2_000 }, () => delay.wait('192.0.2.1', gone.signal));
  await delay.wait('192.0.2.1', gone.signal);
  gone.abort();
  await Promise.all(waiting);
  t.pass();
});

test('without a delay nothing waits', async (t) => {
  const delay = createRefusalDelay({ clock: systemClock, delayMs: 0, maxUndelayed: 0 });
  await delay.wait('192.0.2.1', AbortSignal.timeout(60_000));
  t.pass();
});
