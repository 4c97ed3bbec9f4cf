import type { IncomingMessage } from 'node:http';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import test from 'ava';
import { windowBytes } from '#src/http/admission/decompressor.ts';
import { serve } from '../support.ts';
import { bodyRoutes } from './routes.ts';

const mebibyte = 2 ** 20;
const packed = (body: Buffer, bits: number): Buffer =>
  brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_LGWIN]: bits } });
const from = (encoding: string): IncomingMessage => ({ headers: { 'content-encoding': encoding } }) as IncomingMessage;

test('the window of a brotli body is known from its first byte', (t) => {
  const random = Buffer.from(Array.from({ length: 40_000 }, (_, index) => (index * 7_919) % 251));
  for (let bits = 10; bits <= 24; bits += 1) {
    const [first] = packed(random, bits);
    const bytes = windowBytes(from(' BR '), first!);
    t.true(bytes >= 2 ** bits, `${bits} bits: ${bytes}`);
    t.true(bytes <= Math.max(2 ** 17, 2 ** bits), `${bits} bits: ${bytes}`);
    t.is(windowBytes(from('gzip'), first!), 0);
  }
});

test('the windows of brotli bodies count from their first byte until they are read, and others go on', async (t) => {
  const { call, kinds, reported } = await serve(t, {
    routes: bodyRoutes(),
    bodyAdmission: { maxTotalBytes: 24 * mebibyte },
  });
  const send = (body: Buffer, encoding: string) =>
    call('/api/v1/pricing/price', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Encoding': encoding },
      body: Uint8Array.from(body),
    });
  const bomb = packed(Buffer.alloc(16 * mebibyte), 24);
  t.true(bomb.length < 50);
  const refused = await send(bomb, 'br');
  t.is(refused.status, 503);
  t.deepEqual(kinds, ['body_backlog']);
  for (const bits of [10, 16, 22])
    t.is((await send(packed(Buffer.from('{}'), bits), 'br')).status, 200, `${bits} bits`);
  t.is((await send(gzipSync('{}'), 'gzip')).status, 200);
  t.is(reported.findLast(({ name }) => name === 'volwatch_http_body_bytes')?.value, 0, 'no byte is counted any more');
});
