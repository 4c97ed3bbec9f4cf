import type { IncomingMessage } from 'node:http';
import { brotliCompressSync, constants, createBrotliDecompress, gzipSync } from 'node:zlib';
import test from 'ava';
import { decoderBytes, windowBytes } from '#src/http/admission/decompressor.ts';
import { brotliTables } from '#testkit/bodies/brotli-tables.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSockets } from '#testkit/raw-sockets.ts';
import { serve } from '../../support.ts';
import { bodyRoutes, chunkOf, post } from '../routes.ts';

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

/** The most that 200 decompressors hold, for each of them. They have the body, and wait for its rest. */
const heldBytes = async (body: Buffer): Promise<number> => {
  const before = process.memoryUsage().rss;
  const all = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const plain = createBrotliDecompress({ chunkSize: 65_536 });
      await new Promise((resolve, reject) => plain.on('error', reject).write(body, resolve));
      return plain;
    }),
  );
  const held = (process.memoryUsage().rss - before) / all.length;
  for (const plain of all) plain.destroy();
  return held;
};

test('what counts of a brotli body is more than the tables that it makes its decompressor keep', async (t) => {
  const body = brotliTables();
  const held = await heldBytes(body);
  const counted = decoderBytes(from('br'), body[0]!, body.length);
  t.log({ bytes: body.length, held, counted });
  t.true(held > mebibyte, 'the body is one that makes large tables');
  t.true(held < counted, `${held} bytes are held, ${counted} count`);
});

test('brotli bodies whose tables stay count with them until they end, and others go on', async (t) => {
  const { port, call, reported } = await serve(t, {
    routes: bodyRoutes(),
    bodyAdmission: { maxTotalBytes: 64 * mebibyte },
    limits: { bodyLimitBytes: 65_536 },
  });
  const held = (): number => reported.findLast(({ name }) => name === 'volwatch_http_body_bytes')?.value ?? 0;
  const head = post('/pricing/price', { 'Content-Encoding': 'br', 'Transfer-Encoding': 'chunked' });
  const [first] = await openSockets(t, { port, from: '127.0.0.2' }, head, 1);
  first!.socket.write(chunkOf(brotliTables()));
  await eventually(() => held() > 2.5 * mebibyte, 'the tables count');
  const more = await openSockets(t, { port, from: '127.0.0.2' }, head, 40);
  for (const { socket } of more) socket.write(chunkOf(brotliTables()));
  await eventually(() => more.filter(({ answer }) => answer() !== '').length > 20, 'most of them are refused');
  for (const { answer } of more) t.regex(answer(), /^$|^HTTP\/1\.1 (?:429|503) /);
  t.true(held() <= 32 * mebibyte);
  const small = { method: 'POST', headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'br' } };
  t.is(
    (await call('/api/v1/pricing/price', { ...small, body: Uint8Array.from(packed(Buffer.from('{}'), 16)) })).status,
    200,
  );
  for (const { socket } of [first!, ...more]) socket.destroy();
  await eventually(() => held() === 0, 'no byte is counted any more');
});
