import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { readLargeBody } from '#src/http/routing/input/large-body-reader.ts';
import { BodySource } from '#src/http/admission/body-source.ts';
import { eventually } from '#testkit/eventually.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { serve } from '../support.ts';

const answerSchema = z.strictObject({ length: z.number(), last: z.number() });

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
  responses: { 200: answerSchema },
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

/** Waits until the bytes outside the heap are back, without a collection of garbage. */
const isReleased = (before: number, what: string): Promise<void> =>
  eventually(() => process.memoryUsage().arrayBuffers - before < 2 * mebibyte, what);

test.serial('the bytes of a body that ends early are released at once', async (t) => {
  const source = new BodySource('application/json', new PassThrough());
  const before = process.memoryUsage().arrayBuffers;
  const reading = readLargeBody(source);
  for (let piece = 0; piece < 16; piece += 1) source.emit('data', Buffer.allocUnsafeSlow(mebibyte));
  t.true(process.memoryUsage().arrayBuffers - before >= 15 * mebibyte);
  source.emit('error', new Error('the client has left'));
  await t.throwsAsync(reading, { message: 'the client has left' });
  await isReleased(before, 'the bytes are released');
});

test.serial('the bytes of a body that is refused after it has arrived are released at once', async (t) => {
  let before = 0;
  let arrived = 0;
  const refusing = defineRoute({
    ...route,
    path: '/refused',
    responses: { 200: answerSchema },
    request: {
      body: z.custom<ByteBlocks>((body) => {
        arrived = process.memoryUsage().arrayBuffers - before;
        // The document of the API is made with an empty body.
        return body === undefined;
      }),
    },
    handler: async () => ({ status: 200 as const, body: { length: 0, last: 0 } }),
  });
  const limit = 32 * mebibyte;
  const { port } = await serve(t, { routes: [refusing], limits: { batchBodyLimitBytes: limit } });
  const sent = Buffer.alloc(limit, ' ');
  before = process.memoryUsage().arrayBuffers;
  // The client sends one buffer without a copy, so that only the service takes memory.
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const asking = request(`http://127.0.0.1:${port}/api/v1/refused`, { method: 'POST', headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    asking.on('error', reject).end(sent);
  });
  t.is(status, 422);
  t.true(arrived >= limit - mebibyte, 'the whole body was in memory');
  await isReleased(before, 'the body is released');
});
