import test from 'ava';
import { z } from 'zod';
import { bodyStream } from '#src/kernel/body-stream.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { currentTransaction, runInTransaction, type Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve } from '../../support.ts';
import { codeOf, csv } from './setup.ts';

test('a caller who is refused after the body has arrived is refused outside of the transaction that reads it', async (t) => {
  const inTransaction: boolean[] = [];
  const time = { offsetMs: 0 };
  const route = defineRoute({
    method: 'POST',
    path: '/files',
    tag: 'test',
    summary: 'For tests',
    auth: 'program',
    rateLimit: 'none',
    load: 'write',
    streamBody: true,
    consumes: ['text/csv'],
    request: { body: bodyStream },
    responses: { 200: z.strictObject({}) },
    errors: [],
    handler: ({ body }) =>
      runInTransaction({} as Transaction, async () => {
        await body.read(async ({ pieces }) => {
          for await (const _ of pieces);
          // The caller is checked again only if the last check is more than a second ago.
          time.offsetMs = 1_100;
        });
        return { status: 200 as const, body: {} };
      }),
  });
  const { call } = await serve(t, {
    clock: { ...systemClock, monotonic: () => performance.now() + time.offsetMs },
    routes: [route],
    authenticate: async () => {
      inTransaction.push(currentTransaction() !== undefined);
      if (inTransaction.length > 1) throw new AppError('api_key_invalid');
      return { kind: 'api_key', subject: 'a key', scopes: [] };
    },
  });
  const answer = await call('/api/v1/files', { method: 'POST', headers: csv, body: 'symbol,date' });
  t.is(answer.status, 401);
  t.is(await codeOf(answer), 'api_key_invalid');
  t.deepEqual(inTransaction, [false, false]);
});
