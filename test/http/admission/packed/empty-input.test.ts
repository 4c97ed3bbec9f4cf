import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants, createGunzip, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { unpackInTurns } from '#src/http/admission/bodies/unpack-in-turns.ts';
import { emptyBlocks, emptyBody } from '#testkit/bodies/empty-blocks.ts';
import { path as filePath, setup } from '../../routing/stream-body/setup.ts';
import { serve } from '../../support.ts';
import { bodyRoutes } from '../routes.ts';

type Encoding = keyof typeof emptyBlocks;
const encodings = Object.keys(emptyBlocks) as Encoding[];
const limits = { bodyLimitBytes: 1_000_000, batchBodyLimitBytes: 4_000_000 };

const send = (encoding: string, bytes: Buffer, hasLength: boolean, type = 'application/json'): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': type, 'Content-Encoding': encoding },
  ...(hasLength
    ? { body: new Uint8Array(bytes) }
    : { body: new Blob([new Uint8Array(bytes)]).stream(), duplex: 'half' as const }),
});

for (const encoding of encodings) {
  for (const hasLength of [true, false]) {
    test(`a ${encoding} body that unpacks to nothing is refused, with ${hasLength ? 'a' : 'no'} length`, async (t) => {
      const { call, kinds } = await serve(t, { routes: bodyRoutes(), limits });
      const body = emptyBody(encoding, 500_000);
      for (const path of ['/api/v1/pricing/price', '/api/v1/pricing/batch']) {
        const answer = await call(path, send(encoding, body, hasLength));
        t.is(answer.status, 413, path);
        t.like(await answer.json(), { code: 'payload_too_large' });
      }
      t.deepEqual(kinds, ['body_expansion', 'body_expansion']);
      const { server, seen } = setup(t);
      const upload = await server;
      t.is((await upload.call(filePath, send(encoding, body, hasLength, 'text/csv'))).status, 413);
      t.is(seen.failed, 'payload_too_large');
      t.deepEqual(upload.kinds, ['body_expansion']);
    });
  }
}

test('what unpacked before does not pay for blocks that unpack to nothing', async (t) => {
  const { call, kinds } = await serve(t, { routes: bodyRoutes(), limits });
  // Blanks up to a place where other blocks can follow, 300 bytes of them for each packed one.
  const blanks = gzipSync(Buffer.alloc(2_000_000, ' '), { finishFlush: constants.Z_SYNC_FLUSH });
  const body = Buffer.concat([blanks, Buffer.alloc(500_000, emptyBlocks.gzip.blocks)]);
  t.is((await call('/api/v1/pricing/batch', send('gzip', body, false))).status, 413);
  t.deepEqual(kinds, ['body_expansion']);
});

test('a compressed body without a length has at most as many packed bytes as the route takes', async (t) => {
  const { call, kinds } = await serve(t, { routes: bodyRoutes(), limits: { batchBodyLimitBytes: 1_000 } });
  for (const encoding of encodings) {
    const answer = await call('/api/v1/pricing/batch', send(encoding, emptyBody(encoding, 1_001), false));
    t.like(await answer.json(), { code: 'payload_too_large', detail: 'The body may have at most 1000 bytes' });
  }
  t.deepEqual(new Set(kinds), new Set(['body_expansion']));
});

test('a thread unpacks a bounded number of bytes that unpack to nothing', async (t) => {
  const plain = unpackInTurns(createGunzip(), {
    maxAhead: 8_192,
    refuse: () => new Error('For tests'),
    inTurn: (work) => work(),
  });
  const refused = new Promise<Error>((resolve) => plain.once('error', resolve));
  plain.write(emptyBody('gzip', 4_000_000));
  t.is((await refused).message, 'For tests');
  t.is(plain.bytesWritten, 16_384);
});

const random = randomBytes(1_500_000);
const text = Buffer.from(random.toString('base64'));
/** Each line is flushed on its own, as a client does whose lines come one by one. */
const flushed = Buffer.concat([
  Buffer.from('1f8b08000000000000ff', 'hex'),
  ...Array.from({ length: 5_000 }, (_, line) =>
    gzipSync(text.subarray(line * 30, line * 30 + 30), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(10),
  ),
  // The end of a stream: its last block, and a sum that is not right.
  Buffer.from('0300', 'hex'),
]);

test('bodies that encoders make are read, also those that cannot be compressed', async (t) => {
  const { call, kinds } = await serve(t, { routes: bodyRoutes(), limits });
  const { constants: of } = { constants };
  const packed: readonly (readonly [Encoding, (bytes: Buffer) => Buffer])[] = [
    ...[0, 1, 9].map((level) => ['gzip', (bytes: Buffer) => gzipSync(bytes, { level })] as const),
    ['deflate', (bytes) => deflateSync(bytes, { strategy: of.Z_FIXED, memLevel: 1 })],
    ...[10, 24].map(
      (window) =>
        [
          'br',
          (bytes: Buffer) =>
            brotliCompressSync(bytes, { params: { [of.BROTLI_PARAM_LGWIN]: window, [of.BROTLI_PARAM_QUALITY]: 1 } }),
        ] as const,
    ),
    ['zstd', zstdCompressSync],
  ];
  for (const [encoding, compress] of packed) {
    for (const bytes of [random, text]) {
      const answer = await call('/api/v1/pricing/batch', send(encoding, compress(bytes), true));
      t.like(await answer.json(), { bytes: bytes.length }, encoding);
    }
  }
  const cut = await call('/api/v1/pricing/batch', send('gzip', flushed, true));
  t.like(await cut.json(), { code: 'malformed_body' }, 'read to its wrong sum');
  t.deepEqual(kinds, []);
});
