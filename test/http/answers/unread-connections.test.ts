import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { createAnswers } from '#src/http/answers/answers.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startSlowReader } from '#testkit/slow-reader.ts';
import { openRoute, serve } from '../support.ts';

const request = 'GET /api/v1/large HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server for three connections, with answers that the kernel does not take for a client that does not read. */
const setup = (trustedProxies: readonly string[] = []) => {
  const abuse = recordAbuse();
  const answers = createAnswers({
    backlog: { maxBytes: 2 ** 30, maxBytesByCaller: 2 ** 30, timeoutMs: 60_000 },
    minBytesPerSecond: 65_536,
    graceMs: 60_000,
    clock: systemClock,
    metrics: recordMetrics(),
    abuse,
  });
  const large = defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/large',
    produces: 'text/plain',
    request: {},
    responses: { 200: z.custom<Buffer>() },
    handler: async () => ({ status: 200, body: Buffer.alloc(16 * 2 ** 20, 'x') }),
  });
  return { abuse, options: { answers, routes: [large], maxConnections: 3, trustedProxies } };
};

test('with all connections in use, a client that does not read its answer makes room for a new one', async (t) => {
  const { abuse, options } = setup();
  const { port, call } = await serve(t, options);
  const readers = Array.from({ length: 3 }, () => startSlowReader(port, request));
  for (const { socket, status } of readers) {
    t.teardown(() => socket.destroy());
    t.is(await status, 200);
  }
  const served = async (): Promise<boolean> => {
    const answer = await call('/api/v1/none').catch(() => undefined);
    return answer?.status === 404;
  };
  t.false(await served(), 'none of them has waited for long');
  await eventually(served, 'a new client is served', 10_000);
  t.deepEqual(abuse.kinds, ['answer_slow']);
});

test('the connections of a trusted proxy make no room', async (t) => {
  const { abuse, options } = setup(['127.0.0.1']);
  const { port, call } = await serve(t, options);
  const readers = Array.from({ length: 3 }, () => startSlowReader(port, request));
  for (const { socket, status } of readers) {
    t.teardown(() => socket.destroy());
    await status;
  }
  // Longer than the time after which a client that does not read makes room.
  for (const end = performance.now() + 4_000; performance.now() < end;) {
    t.is(await call('/api/v1/none').catch(() => undefined), undefined);
    await sleep(200);
  }
  t.deepEqual(abuse.kinds, []);
});
