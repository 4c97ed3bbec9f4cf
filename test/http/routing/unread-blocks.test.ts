import test from 'ava';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { UnreadBlocks } from '#src/kernel/streams/unread-blocks.ts';
import { serve } from '../support.ts';

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
