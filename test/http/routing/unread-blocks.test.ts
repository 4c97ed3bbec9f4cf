import { EventEmitter } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { createAnswers } from '#src/http/answers/answers.ts';
import type { HttpContext } from '#src/http/routing/types.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { UnreadBlocks, type ReadingOptions } from '#src/kernel/streams/unread-blocks.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { openRoute, serve } from '../support.ts';

test('stored bytes are read only for a client that gets them and does not have them, and a failed read is an answer of its own', async (t) => {
  let reads = 0;
  let failure: AppError | undefined;
  const read = async (): Promise<ByteBlocks> => {
    reads += 1;
    if (failure) throw failure;
    return new ByteBlocks([Buffer.from('abc'), Buffer.from('def')]);
  };
  const route = defineRoute({
    method: 'GET',
    path: '/stored',
    tag: 'Test',
    summary: 'Stored bytes',
    auth: 'public',
    rateLimit: 'none',
    load: 'read',
    produces: 'application/octet-stream',
    request: {},
    responses: { 200: z.instanceof(UnreadBlocks) },
    etag: 'handler',
    errors: [],
    handler: async () => ({ status: 200 as const, headers: { ETag: '"one"' }, body: new UnreadBlocks(6, read) }),
  });
  const { call } = await serve(t, { routes: [route] });
  const stored = (headers: Record<string, string> = {}) => call('/api/v1/stored', { headers });
  const first = await stored();
  t.is(await first.text(), 'abcdef');
  t.is(first.headers.get('content-length'), '6');
  t.is(first.headers.get('etag'), '"one"');
  t.is(reads, 1);
  t.is((await stored({ 'If-None-Match': '"one"' })).status, 304);
  t.is(reads, 1, 'nothing was read for 304');
  const head = await call('/api/v1/stored', { method: 'HEAD' });
  t.is(head.status, 200);
  t.is(await head.text(), '');
  for (const name of ['content-length', 'content-type', 'etag']) t.is(head.headers.get(name), first.headers.get(name));
  t.is(reads, 1, 'nothing was read for HEAD');
  failure = new AppError('overloaded', 'Other results are being read', { retryAfter: 1 });
  const refused = await stored();
  t.is(refused.status, 503);
  t.is(refused.headers.get('etag'), null);
});

const megabyte = 2 ** 20;

const startReserved = async (
  t: ExecutionContext,
  produces = 'application/octet-stream',
  maxBytesByCaller = 10 * megabyte,
) => {
  const metrics = recordMetrics();
  const answers = createAnswers({
    backlog: { maxBytes: 100 * megabyte, maxBytesByCaller, timeoutMs: 60_000 },
    minBytesPerSecond: 65_536,
    graceMs: 60_000,
    clock: systemClock,
    metrics,
    abuse: { refused: () => {} },
  });
  const outstanding = (): number => metrics.value('volwatch_http_answer_bytes_outstanding');
  const reads: { readonly signal: AbortSignal; readonly outstanding: number }[] = [];
  const goOn = Promise.withResolvers<void>();
  const read = async ({ signal, reserve }: ReadingOptions): Promise<ByteBlocks> => {
    reserve();
    reads.push({ signal, outstanding: outstanding() });
    await goOn.promise;
    return ByteBlocks.of(Buffer.alloc(6 * megabyte, 'x'));
  };
  const route = defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/stored',
    produces,
    request: {},
    responses: { 200: z.instanceof(UnreadBlocks) },
    handler: async () => ({ status: 200 as const, body: new UnreadBlocks(6 * megabyte, read) }),
  });
  const { call } = await serve(t, { answers, routes: [route] });
  return { answers, call, outstanding, reads, goOn };
};

test('stored bytes count once, from before they are read until they are sent; an answer without memory is not read', async (t) => {
  const { call, outstanding, reads, goOn } = await startReserved(t);
  const first = call('/api/v1/stored');
  await eventually(() => reads.length === 1, 'the first one is read');
  t.is(reads[0]!.outstanding, 6 * megabyte);
  t.is((await call('/api/v1/stored')).status, 429);
  t.is(reads.length, 1, 'the second one was refused before it was read');
  goOn.resolve();
  const answer = await first;
  t.true(outstanding() <= 6 * megabyte, 'they do not count twice');
  t.is((await answer.arrayBuffer()).byteLength, 6 * megabyte);
  await eventually(() => outstanding() === 0, 'they do not count any more');
});

test('an answer that has been read is not refused for the memory of its compression', async (t) => {
  const { call, outstanding, goOn } = await startReserved(t, 'text/plain', 6 * megabyte);
  goOn.resolve();
  const answer = await call('/api/v1/stored', { headers: { 'Accept-Encoding': 'gzip' } });
  t.is(answer.status, 200);
  t.is(answer.headers.get('content-encoding'), 'gzip');
  t.is((await answer.arrayBuffer()).byteLength, 6 * megabyte);
  await eventually(() => outstanding() === 0, 'neither counts any more');
});

test('an answer that could not be read does not count while its error waits to be sent', async (t) => {
  const { answers, outstanding } = await startReserved(t);
  const failure = new Error('it was removed');
  const res = Object.assign(new EventEmitter(), { closed: false });
  const ctx = { req: { socket: {} }, res, state: { request: { clientIp: '192.0.2.1' } } } as unknown as HttpContext;
  const work = answers.middleware(ctx, async () => {
    ctx.state.reserveAnswer?.(6 * megabyte);
    t.is(outstanding(), 6 * megabyte);
    throw failure;
  });
  t.is(await t.throwsAsync(work), failure);
  t.is(outstanding(), 0);
});

test('the reading is told when its client has left', async (t) => {
  const { call, outstanding, reads, goOn } = await startReserved(t);
  const client = new AbortController();
  const left = call('/api/v1/stored', { signal: client.signal });
  await eventually(() => reads.length === 1, 'it is read');
  client.abort();
  await t.throwsAsync(left);
  await eventually(() => reads[0]!.signal.aborted, 'the signal is aborted');
  await eventually(() => outstanding() === 0, 'its bytes do not count any more');
  goOn.resolve();
});
