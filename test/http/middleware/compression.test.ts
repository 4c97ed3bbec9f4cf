import { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { get, type IncomingHttpHeaders } from 'node:http';
import test from 'ava';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { chooseEncoding, compressedOnce } from '#src/http/middleware/compression.ts';
import { serve } from '../support.ts';

const common = {
  method: 'GET',
  tag: 'test',
  summary: 'For tests',
  auth: 'public',
  rateLimit: 'none',
  load: 'none',
  request: {},
} as const;
const long = 'volatility '.repeat(500);
const file = Buffer.from(long);
const text = z.strictObject({ text: z.string() });
const routes = [
  defineRoute({
    ...common,
    path: '/long',
    etag: 'weak',
    responses: { 200: text },
    errors: [],
    handler: async () => ({ status: 200, body: { text: long } }),
  }),
  defineRoute({
    ...common,
    path: '/short',
    responses: { 200: text },
    errors: [],
    handler: async () => ({ status: 200, body: { text: 'x'.repeat(900) } }),
  }),
  defineRoute({
    ...common,
    path: '/secret',
    responses: { 200: text },
    errors: [],
    handler: async () => ({ status: 200, body: { text: long }, headers: { 'Cache-Control': 'no-store' } }),
  }),
  defineRoute({
    ...common,
    path: '/file',
    produces: 'text/plain; charset=utf-8',
    responses: { 200: z.instanceof(Buffer) },
    errors: [],
    handler: async () => ({ status: 200, body: file }),
  }),
  defineRoute({
    ...common,
    path: '/stream',
    produces: 'text/plain; charset=utf-8',
    responses: { 200: z.instanceof(Readable) },
    errors: [],
    handler: async () => ({ status: 200, body: Readable.from([long.slice(0, 100), long.slice(100)]) }),
  }),
  defineRoute({
    ...common,
    path: '/binary',
    produces: 'application/vnd.apache.arrow.stream',
    responses: { 200: z.instanceof(Buffer) },
    errors: [],
    handler: async () => ({ status: 200, body: file }),
  }),
  defineRoute({
    ...common,
    path: '/refused',
    responses: { 200: text },
    errors: [],
    handler: async () => {
      throw new AppError('overloaded', long);
    },
  }),
];

type Raw = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly bytes: Buffer };
/** Without the decompression that fetch does by itself. */
const ask = async (port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Raw> =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: `/api/v1${path}`, headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(chunks) }),
      );
    }).on('error', reject);
  });

const encodings = { br: brotliDecompressSync, zstd: zstdDecompressSync, gzip: gunzipSync };

for (const [encoding, decompress] of Object.entries(encodings)) {
  test(`${encoding}: JSON, files and streams come back as they were; the length is that of what is sent`, async (t) => {
    const { port } = await serve(t, { routes });
    const headers = { 'Accept-Encoding': encoding };
    for (const [path, expected] of [
      ['/long', JSON.stringify({ text: long })],
      ['/file', long],
      ['/file', long],
      ['/stream', long],
    ] as const) {
      const { status, headers: answered, bytes } = await ask(port, path, headers);
      t.is(status, 200);
      t.is(answered['content-encoding'], encoding);
      t.is(answered.vary, 'Accept-Encoding');
      t.true(bytes.length < expected.length / 10, path);
      t.is(decompress(bytes).toString(), expected);
      t.is(answered['content-length'], path === '/stream' ? undefined : String(bytes.length));
    }
    const body = await ask(port, '/long', headers);
    const head = await ask(port, '/long', headers, 'HEAD');
    t.is(head.headers['content-length'], body.headers['content-length']);
    t.is(head.headers['content-encoding'], encoding);
    t.is(head.bytes.length, 0);
  });
}

test('the weak tag is the same for every encoding, and 304 says what it varies by', async (t) => {
  const { port } = await serve(t, { routes });
  const plain = await ask(port, '/long');
  const packed = await ask(port, '/long', { 'Accept-Encoding': 'br' });
  const { etag } = plain.headers;
  t.regex(etag ?? '', /^W\//);
  t.is(packed.headers.etag, etag);
  t.is(plain.headers.vary, 'Accept-Encoding');
  const again = await ask(port, '/long', { 'Accept-Encoding': 'br', 'If-None-Match': etag! });
  t.is(again.status, 304);
  t.is(again.headers.vary, 'Accept-Encoding');
  t.is(again.headers['content-encoding'], undefined);
  t.is(again.bytes.length, 0);
});

for (const path of ['/short', '/secret', '/binary', '/refused']) {
  test(`${path} is sent as it is`, async (t) => {
    const { port } = await serve(t, { routes });
    const { headers, bytes } = await ask(port, path, { 'Accept-Encoding': 'br, zstd, gzip' });
    t.is(headers['content-encoding'], undefined);
    t.is(headers['content-length'], String(bytes.length));
  });
}

const choices: readonly (readonly [accepted: string | undefined, chosen: string | undefined])[] = [
  [undefined, undefined],
  ['', undefined],
  ['identity', undefined],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['gzip, deflate, br, zstd', 'zstd'],
  ['br, gzip, deflate', 'br'],
  ['GZIP;Q=0.5, zstd; q=0.4', 'gzip'],
  ['br;q=0.1, gzip;q=0.9', 'gzip'],
  ['*', 'zstd'],
  ['*;q=0.5, zstd;q=0', 'br'],
  ['br;q=0, gzip;q=0, zstd;q=0', undefined],
  ['identity;q=1, gzip;q=0.5', undefined],
  ['deflate', undefined],
  ['br;q=nonsense', undefined],
];
for (const [accepted, chosen] of choices) {
  test(`Accept-Encoding ${accepted ?? 'absent'}: ${chosen ?? 'none'}`, (t) => {
    t.is(chooseEncoding(accepted), chosen as ReturnType<typeof chooseEncoding>);
  });
}

test('a buffer is compressed once for each encoding, and again after a failure', async (t) => {
  const calls: string[] = [];
  const results = [Promise.reject(new Error('out of memory')), Promise.resolve(Buffer.from('a'))];
  const compressed = compressedOnce((_, encoding) => {
    calls.push(encoding);
    return results.shift() ?? Promise.resolve(Buffer.from(encoding));
  });
  await t.throwsAsync(compressed(file, 'br'), { message: 'out of memory' });
  t.is(String(await compressed(file, 'br')), 'a');
  t.is(await compressed(file, 'br'), await compressed(file, 'br'));
  t.is(String(await compressed(file, 'gzip')), 'gzip');
  await compressed(Buffer.from(file), 'gzip');
  t.deepEqual(calls, ['br', 'br', 'gzip', 'gzip']);
});
