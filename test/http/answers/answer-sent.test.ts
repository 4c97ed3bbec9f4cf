import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { answerSent } from '#src/http/answers/answer-sent.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { startSlowReader } from '#testkit/slow-reader.ts';
import { openRoute, serve } from '../support.ts';

test('an answer is known to be sent, or to be cut', async (t) => {
  const ends: boolean[] = [];
  const { port } = await serve(t, {
    routes: [
      defineRoute({
        ...openRoute,
        method: 'GET',
        path: '/whole',
        produces: 'text/plain',
        request: {},
        responses: { 200: z.custom<Buffer>() },
        handler: async () => ({ status: 200, body: Buffer.alloc(16 * 2 ** 20) }),
      }),
    ],
    answers: {
      admit: () => {},
      watch: () => {},
      holdProblem: () => {},
      cutSlowest: () => false,
      heldBytes: () => 0,
      middleware: async (ctx, next) => {
        void answerSent(ctx.res).then((sent) => ends.push(sent));
        await next();
      },
    },
  });
  const request = 'GET /api/v1/whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const reader = startSlowReader(port, request);
  t.is(await reader.status, 200);
  // Nothing may happen while the client does not read, so there is no condition to wait for.
  await sleep(100);
  t.deepEqual(ends, [], 'not while the client has not read it');
  reader.socket.destroy();
  await eventually(() => ends.length === 1, 'the first answer ends');
  const other = startSlowReader(port, request);
  await other.status;
  other.socket.resume();
  await other.closed;
  await eventually(() => ends.length === 2, 'the second answer ends');
  t.deepEqual(ends, [false, true]);
});

test('a request keeps no input when its handler has replied, because the answer can wait for minutes', async (t) => {
  const inputs: unknown[] = [];
  const { call } = await serve(t, {
    routes: [
      defineRoute({
        ...openRoute,
        method: 'GET',
        path: '/echo',
        request: { query: z.strictObject({ word: z.string() }) },
        responses: { 200: z.strictObject({ word: z.string() }) },
        handler: async ({ query }) => ({ status: 200, body: query }),
      }),
    ],
    answers: {
      admit: () => {},
      watch: () => {},
      holdProblem: () => {},
      cutSlowest: () => false,
      heldBytes: () => 0,
      middleware: async (ctx, next) => {
        await next();
        inputs.push(ctx.state.input);
      },
    },
  });
  t.is((await call('/api/v1/echo?word=a')).status, 200);
  t.deepEqual(inputs, [undefined]);
});
