import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { serve } from '../../support.ts';
import { recordAbuse } from '#testkit/abuse.ts';

const slots = 32;
const workMs = 100;

/** Sends one request from a loopback address of its own. @returns the status */
const postFrom = (port: number, localAddress: string, body: object): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        localAddress,
        agent: false,
        method: 'POST',
        path: '/api/v1/pricing/batch',
        headers: { 'Content-Type': 'application/json' },
      },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.once('error', reject);
    sent.end(JSON.stringify(body));
  });

test('callers from 50 addresses that come again and again leave slots for callers who are new', async (t) => {
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const route = defineRoute({
    tag: 'test',
    summary: 'For tests',
    auth: 'public',
    rateLimit: 'none',
    errors: [],
    method: 'POST',
    path: '/pricing/batch',
    load: 'batch',
    request: { body: z.strictObject({ hold: z.boolean() }) },
    responses: { 200: z.strictObject({}) },
    handler: async ({ body }) => {
      if (body.hold) held += 1;
      await (body.hold ? gate.promise : sleep(workMs));
      return { status: 200, body: {} };
    },
  });
  const abuse = recordAbuse();
  const { kinds } = abuse;
  const loadShedding = createLoadShedding(
    { limits: { pricing: 1, batch: slots, read: 1, write: 1 }, callerPercent: 50, lagMs: 60_000 },
    { metrics: recordMetrics(), abuse, starts: { afterWaiting: (done) => done() } },
  );
  const { port } = await serve(t, { routes: [route], loadShedding });
  // Two callers hold all that several slots of one caller may come from; a quarter is left.
  const hold = (from: string, count: number) =>
    Array.from({ length: count }, () => postFrom(port, from, { hold: true }));
  const first = hold('127.0.2.1', slots / 2);
  await eventually(() => held === slots / 2, 'the first caller holds its share');
  const second = hold('127.0.2.2', slots / 4);
  await eventually(() => held === (3 * slots) / 4, 'the second caller holds its share');
  const stopped = new AbortController();
  const statuses: number[] = [];
  const attackers = Array.from({ length: 48 }, async (_, index) => {
    while (!stopped.signal.aborted) {
      const status = await postFrom(port, `127.0.3.${index + 1}`, { hold: false });
      statuses.push(status);
      // A refused client waits before its next request, as a real one does.
      if (status !== 200) await sleep(50);
    }
  });
  // Before they have held slots for about two seconds, they are refused because all slots are in use.
  const isRecognised = (): boolean => statuses.length > 500 && !statuses.slice(-200).includes(503);
  await eventually(isRecognised, 'the attackers are refused for their own requests', 30_000);
  const newcomers: number[] = [];
  for (let newcomer = 0; newcomer < 40; newcomer += 1) {
    newcomers.push(await postFrom(port, `127.0.4.${newcomer + 1}`, { hold: false }));
  }
  stopped.abort();
  await Promise.all(attackers);
  gate.resolve();
  await Promise.all([...first, ...second]);
  const good = newcomers.filter((status) => status === 200).length;
  t.log(`${good} of ${newcomers.length} new callers were served`);
  t.true(good >= 38, newcomers.join(' '));
  t.true(statuses.includes(429), 'a caller that comes again is told that the refusal is for its own requests');
  t.true(kinds.includes('concurrency_by_caller'));
});
