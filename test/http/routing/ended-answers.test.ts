import test from 'ava';
import { z } from 'zod';
import { orAbort } from '#src/kernel/abort.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { serve } from '../support.ts';

/** About one millisecond of work. */
const work = (): void => {
  const end = performance.now() + 1;
  while (performance.now() < end);
};
const rows = 2_000;

/** A route whose answer takes about two seconds to check, or to write. */
const slowRoute = (slow: 'check' | 'write', onStep: () => void) => {
  const step = (): void => {
    onStep();
    work();
  };
  const item = z.custom<unknown>(() => {
    if (slow === 'check') step();
    return true;
  });
  const written = {
    toJSON: () => {
      step();
      return 1;
    },
  };
  return defineRoute({
    method: 'GET',
    path: '/rows',
    tag: 'test',
    summary: 'For tests',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    request: {},
    responses: { 200: z.strictObject({ data: z.array(item) }) },
    errors: [],
    handler: async () => ({ status: 200, body: { data: Array<unknown>(rows).fill(slow === 'check' ? 1 : written) } }),
  });
};

for (const slow of ['check', 'write'] as const) {
  test(`a large answer ends at the deadline of its request: ${slow}`, async (t) => {
    let steps = 0;
    const { call } = await serve(t, {
      routes: [slowRoute(slow, () => (steps += 1))],
      limits: { requestDeadlineMs: 100 },
      responseValidation: { strict: true, percent: slow === 'check' ? 100 : 0 },
    });
    const answer = await call('/api/v1/rows');
    t.is(answer.status, 503);
    t.like(await answer.json(), { code: 'overloaded' });
    t.true(steps < rows, `${steps} steps`);
  });

  test(`a large answer ends without an error when the client leaves: ${slow}`, async (t) => {
    let steps = 0;
    const client = new AbortController();
    const leave = (): void => {
      steps += 1;
      if (steps === 50) client.abort();
    };
    const { call, lines, reported } = await serve(t, {
      routes: [slowRoute(slow, leave)],
      responseValidation: { strict: true, percent: slow === 'check' ? 100 : 0 },
    });
    await t.throwsAsync(call('/api/v1/rows', { signal: client.signal }), { name: 'AbortError' });
    await eventually(() => lines.length > 0, 'the request has its line');
    t.true(steps < rows, `${steps} steps`);
    t.like(lines, [{ level: 'info', status: 200, message: 'request' }]);
    t.deepEqual(
      reported.filter(({ name }) => name === 'volwatch_errors_total'),
      [],
    );
  });
}

test('work that ends because its client has left is no error of the service', async (t) => {
  const client = new AbortController();
  const { call, lines, reported } = await serve(t, {
    routes: [
      defineRoute({
        method: 'GET',
        path: '/rows',
        tag: 'test',
        summary: 'For tests',
        auth: 'public',
        rateLimit: 'none',
        load: 'none',
        request: {},
        responses: { 200: z.strictObject({}) },
        errors: [],
        handler: async () => {
          client.abort();
          return orAbort(Promise.withResolvers<never>().promise, currentRequest()!.signal);
        },
      }),
    ],
  });
  await t.throwsAsync(call('/api/v1/rows', { signal: client.signal }), { name: 'AbortError' });
  await eventually(() => lines.length > 0, 'the request has its line');
  t.like(lines, [{ level: 'info', status: 408, code: 'request_timeout' }]);
  t.deepEqual(
    reported.filter(({ name }) => name === 'volwatch_errors_total').map(({ labels }) => labels['code']),
    ['request_timeout'],
  );
});
