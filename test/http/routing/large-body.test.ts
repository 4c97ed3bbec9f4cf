import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { serve } from '../support.ts';

const route = defineRoute({
  method: 'POST',
  path: '/length',
  tag: 'Test',
  summary: 'Answers the length of the body',
  auth: 'public',
  rateLimit: 'none',
  load: 'batch',
  bodyLimit: 'batch',
  rawBody: true,
  request: { body: z.unknown() },
  responses: { 200: z.strictObject({ length: z.number(), last: z.number() }) },
  errors: [],
  handler: async ({ body }) => {
    const bytes = body as ByteBlocks;
    return { status: 200 as const, body: { length: bytes.byteLength, last: bytes.blocks.at(-1)!.at(-1)! } };
  },
});

for (const [name, encode] of [
  ['plain', (bytes: Buffer) => bytes],
  ['compressed', (bytes: Buffer) => gzipSync(bytes)],
] as const) {
  test(`a body of megabytes arrives whole: ${name}`, async (t) => {
    const { call } = await serve(t, { routes: [route], limits: { batchBodyLimitBytes: 4_000_000 } });
    const bytes = randomBytes(3_000_000);
    const headers = { 'Content-Type': 'application/json', ...(name !== 'plain' && { 'Content-Encoding': 'gzip' }) };
    const answer = await call('/api/v1/length', { method: 'POST', headers, body: new Uint8Array(encode(bytes)) });
    t.deepEqual(await answer.json(), { length: 3_000_000, last: bytes.at(-1) });
  });
}
