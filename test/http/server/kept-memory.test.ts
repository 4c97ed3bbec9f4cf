import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import test from 'ava';
import { z } from 'zod';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket } from '#testkit/raw-sockets.ts';
import { serve } from '../support.ts';

const collectGarbage = createCollectGarbage();

test('an open connection does not keep its last request and answer, with all that belongs to them', async (t) => {
  const responses: WeakRef<ServerResponse>[] = [];
  const start = 'http.server.request.start';
  const keep = (message: unknown): void => {
    responses.push(new WeakRef((message as { readonly response: ServerResponse }).response));
  };
  subscribe(start, keep);
  t.teardown(() => unsubscribe(start, keep));
  const { port } = await serve(t, {
    routes: [
      defineRoute({
        tag: 'test',
        summary: 'A route',
        auth: 'public',
        rateLimit: 'none',
        load: 'none',
        errors: [],
        method: 'POST',
        path: '/bodies',
        request: { body: z.strictObject({ text: z.string() }) },
        produces: 'text/plain',
        responses: { 200: z.custom<AnswerPieces>() },
        handler: async ({ context }) => {
          // Routes that use the deadline have more references to the request.
          context.signal.throwIfAborted();
          return { status: 200 as const, body: new AnswerPieces([Buffer.alloc(10_000, 'x')]) };
        },
      }),
    ],
  });
  const body = JSON.stringify({ text: 'x'.repeat(500) });
  const head = `POST /api/v1/bodies HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  // A compressed answer ends in the context of its request, so the timeout of the connection has that context.
  const { answer, closed } = await openSocket(t, { port }, head + body);
  await eventually(() => answer().includes(' 200 '), 'the answer');
  t.is(responses.length, 1);
  await eventually(() => {
    collectGarbage();
    return responses[0]!.deref() === undefined;
  }, 'the answer is garbage');
  t.false(closed());
});
