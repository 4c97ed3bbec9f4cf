import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { bodyStream } from '#src/kernel/body-stream.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { serve, type Setup } from '../support.ts';

const path = '/api/v1/files';
const common = { tag: 'test', summary: 'For tests', auth: 'public', rateLimit: 'none', errors: [] } as const;

/** A route that answers the media type, the size and the digest of its file. */
const setup = (
  t: ExecutionContext,
  options: Partial<Setup> & { beforeRead?: () => Promise<void>; onPiece?: (size: number) => Promise<void> } = {},
) => {
  const { beforeRead = async () => {}, onPiece = async () => {}, ...rest } = options;
  const seen = { bytes: 0, failed: '' };
  const route = defineRoute({
    ...common,
    method: 'POST',
    path: '/files',
    load: 'write',
    streamBody: true,
    consumes: ['text/csv', 'multipart/form-data'],
    request: { body: bodyStream },
    responses: { 200: z.strictObject({ type: z.string(), bytes: z.number(), digest: z.string() }) },
    handler: async ({ body }) => {
      const read = body.read(async ({ mediaType, pieces }) => {
        const hash = createHash('sha256');
        await beforeRead();
        for await (const piece of pieces) {
          seen.bytes += piece.length;
          hash.update(piece);
          await onPiece(seen.bytes);
        }
        return { type: mediaType, bytes: seen.bytes, digest: hash.digest('hex') };
      });
      read.catch((error: AppError) => (seen.failed = error.code ?? String(error)));
      return { status: 200 as const, body: await read };
    },
  });
  const plain = defineRoute({
    ...common,
    method: 'POST',
    path: '/plain',
    load: 'write',
    request: { body: z.strictObject({}) },
    responses: { 200: z.strictObject({}) },
    handler: async () => ({ status: 200 as const, body: {} }),
  });
  const server = serve(t, { ...rest, routes: [route, plain] });
  return { server, seen };
};

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const csv = { 'Content-Type': 'text/csv' };
const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code?: unknown }).code;

const head = (headers: Record<string, string>): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

for (const [encoding, compress] of [
  ['identity', (bytes: Buffer) => bytes],
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['br', (bytes: Buffer) => brotliCompressSync(bytes)],
  ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
] as const) {
  test(`a streamed body arrives byte for byte: ${encoding}`, async (t) => {
    const { server, seen } = setup(t);
    const { call } = await server;
    const bytes = Buffer.from(randomBytes(1_000_000).toString('hex'));
    const body = new Uint8Array(compress(bytes));
    const answer = await call(path, { method: 'POST', headers: { ...csv, 'Content-Encoding': encoding }, body });
    t.deepEqual(await answer.json(), { type: 'text/csv', bytes: bytes.length, digest: digest(bytes) });
    t.is(seen.failed, '');
  });
}

test('the only file of a form arrives byte for byte, and its name decides the media type', async (t) => {
  const { server } = setup(t);
  const { call } = await server;
  const bytes = randomBytes(3_000_000);
  for (const [name, type, expected] of [
    ['prices.csv', 'application/octet-stream', 'text/csv'],
    ['PRICES.NDJSON', 'text/plain', 'application/x-ndjson'],
    ['prices', 'text/csv;charset=utf-8', 'text/csv'],
  ] as const) {
    const form = new FormData();
    form.append('file', new Blob([bytes], { type }), name);
    const fresh = setup(t);
    const answer = await (await fresh.server).call(path, { method: 'POST', body: form });
    t.deepEqual(await answer.json(), { type: expected, bytes: bytes.length, digest: digest(bytes) });
  }
  const compressed = new FormData();
  compressed.append('file', new Blob(['a']), 'a.csv');
  t.is((await call(path, { method: 'POST', body: compressed })).status, 200);
});

test('a form with anything but one file is refused', async (t) => {
  const file = (): [string, Blob, string] => ['file', new Blob(['symbol,date,close\n'], { type: 'text/csv' }), 'a.csv'];
  const two = new FormData();
  two.append(...file());
  two.append(...file());
  const field = new FormData();
  field.append(...file());
  field.append('mode', 'replace');
  const none = new FormData();
  none.append('mode', 'replace');
  for (const body of [two, field, none]) {
    const { call } = await setup(t).server;
    const answer = await call(path, { method: 'POST', body });
    t.is(answer.status, 422);
    t.is(await codeOf(answer), 'validation_failed');
  }
});

test('a form that is cut, or whose parts have endless headers, is refused', async (t) => {
  const type = { 'Content-Type': 'multipart/form-data; boundary=x' };
  const part = '--x\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n';
  for (const [body, status] of [
    [`${part}symbol,date`, 400],
    ['--x\r\nContent-Disposition: form-data; name="f"', 400],
    ['no form at all', 400],
    ['', 400],
    [`--x\r\nX-Long: ${'a'.repeat(1_000_000)}`, 422],
    [`${part}a\r\n--x\r\nX-Long: ${'a'.repeat(1_000_000)}`, 422],
    // The expression that reads a file name takes time that grows with the square of this header.
    [`--x\r\nContent-Disposition: form-data; name="f"; ${'filename="'.repeat(2_000)}x\r\n\r\na\r\n--x--\r\n`, 422],
    [`${part}a\r\n--x\r\nContent-Disposition: ${'filename="'.repeat(2_000)}x\r\n\r\na\r\n--x--\r\n`, 422],
  ] as const) {
    const { call } = await setup(t).server;
    const answer = await call(path, { method: 'POST', headers: type, body });
    t.is(answer.status, status, body.slice(0, 200));
  }
  const { call } = await setup(t).server;
  t.is(
    (await call(path, { method: 'POST', headers: { 'Content-Type': 'multipart/form-data' }, body: 'a' })).status,
    400,
  );
});

test('a body above a limit is refused, compressed or not, and reported', async (t) => {
  const limits = {
    stream: { maxBytes: 100_000, maxUnpackedBytes: 150_000, timeoutMs: 60_000 },
    expansion: { freeBytes: 120_000, maxRatio: 10 },
  };
  const cases = [
    { headers: csv, body: Buffer.alloc(100_001, 'a'), kinds: [] },
    {
      headers: { ...csv, 'Content-Encoding': 'zstd' },
      body: zstdCompressSync(Buffer.alloc(121_000)),
      kinds: ['body_expansion'],
    },
    {
      headers: { ...csv, 'Content-Encoding': 'gzip' },
      body: gzipSync(Buffer.from(randomBytes(80_000).toString('hex'))),
      kinds: ['body_expansion'],
    },
  ];
  for (const { headers, body, kinds } of cases) {
    const { server, seen } = setup(t, { limits });
    const { call, kinds: reported } = await server;
    const answer = await call(path, { method: 'POST', headers, body: new Uint8Array(body) });
    t.is(answer.status, 413);
    t.deepEqual(reported, kinds as typeof reported);
    t.true(seen.bytes <= 150_000);
  }
  const { server, seen } = setup(t, { limits });
  const chunk = `${(8192).toString(16)}\r\n${'a'.repeat(8192)}\r\n`;
  const answer = await (await server).raw(head({ ...csv, 'Transfer-Encoding': 'chunked' }) + chunk.repeat(40));
  t.regex(answer, /^HTTP\/1.1 413 /);
  t.is(seen.failed, 'payload_too_large');
});

test('a zstd frame with a window of 128 MB is refused before the memory is taken', async (t) => {
  const { call } = await setup(t).server;
  // Magic number, a frame header without size and with a window of 2^27 bytes, one raw block of one byte.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x09, 0x00, 0x00, 0x61]);
  const answer = await call(path, { method: 'POST', headers: { ...csv, 'Content-Encoding': 'zstd' }, body: frame });
  t.is(answer.status, 400);
});

test('bytes that are not compressed as they say, or end early, are refused', async (t) => {
  const packed = gzipSync(randomBytes(100_000));
  for (const body of [packed.subarray(0, 50_000), Buffer.from('plain')]) {
    const { call } = await setup(t).server;
    const answer = await call(path, {
      method: 'POST',
      headers: { ...csv, 'Content-Encoding': 'gzip' },
      body: new Uint8Array(body),
    });
    t.is(answer.status, 400);
    t.is(await codeOf(answer), 'malformed_body');
  }
});

test('a client that goes away ends the read', async (t) => {
  const { server, seen } = setup(t);
  const { port } = await server;
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`${head({ ...csv, 'Content-Length': '1000000' })}${'a'.repeat(5_000)}`);
  });
  await eventually(() => seen.bytes === 5_000, 'the first bytes are read');
  socket.destroy();
  await eventually(() => seen.failed !== '', 'the read ends');
  t.is(seen.failed, 'request_timeout');
});

for (const encoding of ['identity', 'gzip', 'br', 'zstd']) {
  test(`a client can go away before its body is read: ${encoding}`, async (t) => {
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const beforeRead = async (): Promise<void> => {
      begun.resolve();
      await left.promise;
    };
    const { server, seen } = setup(t, { beforeRead });
    const { port } = await server;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${head({ ...csv, 'Content-Encoding': encoding, 'Content-Length': '1000' })}a`);
    });
    await begun.promise;
    socket.destroy();
    // The server must see the end of the connection before the handler reads.
    await sleep(100);
    left.resolve();
    await eventually(() => seen.failed !== '', 'the read ends');
    t.is(seen.failed, 'request_timeout');
  });
}

test('a client that sends too slowly is refused, and one that must wait is not', async (t) => {
  const bodyAdmission = { minBytesPerSecond: 10_000, graceMs: 100 };
  const slow = setup(t, { bodyAdmission });
  const { raw, kinds } = await slow.server;
  const late = await raw(`${head({ ...csv, 'Content-Length': '1000000' })}a`, 3_000);
  t.regex(late, /^HTTP\/1.1 408 /);
  t.deepEqual(kinds, ['body_slow']);

  // The handler takes longer than the time over which the rate is measured.
  const waiting = setup(t, { bodyAdmission, onPiece: async () => sleep(400) });
  const body = Buffer.alloc(200_000, 'a');
  const answer = await (await waiting.server).call(path, { method: 'POST', headers: csv, body });
  t.is(answer.status, 200);
});

test('the client sends no more than the handler reads', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { server, seen } = setup(t, { onPiece: async () => gate.promise });
  const { port } = await server;
  const size = 60_000_000;
  let sent = 0;
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(head({ ...csv, 'Content-Length': String(size) }));
    const piece = Buffer.alloc(1_000_000, 'a');
    const send = (): void => {
      while (sent < size) {
        sent += piece.length;
        if (!socket.write(piece)) {
          socket.once('drain', send);
          return;
        }
      }
    };
    send();
  });
  t.teardown(() => socket.destroy());
  await eventually(() => seen.bytes > 0, 'the first piece is read');
  await sleep(500);
  // The buffers of the two sockets hold the rest.
  t.true(seen.bytes <= 65_536, `${seen.bytes}`);
  t.true(sent < 40_000_000, `${sent}`);
  gate.resolve();
  await eventually(() => seen.bytes === size, 'the whole body is read');
});

test('an error of the handler in the middle of a body is answered, and the connection ends', async (t) => {
  const refuse = async (size: number): Promise<void> => {
    if (size > 100_000) throw new AppError('resource_not_found', 'For tests');
  };
  const { raw } = await setup(t, { onPiece: refuse }).server;
  const answer = await raw(head({ ...csv, 'Content-Length': '9000000' }) + 'a'.repeat(1_000_000), 5_000);
  t.regex(answer, /^HTTP\/1.1 404 [\s\S]*Connection: close/i);
});

test('only a streamed body may take longer than the timeout of requests', async (t) => {
  const options = { requestTimeoutMs: 300, longRequestTimeoutMs: 60_000 };
  const { server } = setup(t, options);
  const { raw, port } = await server;
  const late = await raw(
    'POST /api/v1/plain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
    5_000,
  );
  t.regex(late, /^HTTP\/1.1 408 /);

  let answer = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(`${head({ ...csv, 'Content-Length': '2' })}a`));
  t.teardown(() => socket.destroy());
  socket.on('data', (data) => (answer += data.toString()));
  await sleep(1_000);
  t.is(answer, '');
  socket.write('b');
  await eventually(() => answer.startsWith('HTTP/1.1 200 '), 'the late body is accepted');
});

test('a client that waits for 100 Continue is asked for its body only when the handler reads', async (t) => {
  const { raw } = await setup(t).server;
  const answer = await raw(head({ ...csv, 'Content-Length': '1', Expect: '100-continue' }), 3_000);
  t.regex(answer, /^HTTP\/1.1 100 Continue/);
  const refused = await raw(
    head({ 'Content-Type': 'text/plain', 'Content-Length': '1', Expect: '100-continue' }),
    3_000,
  );
  t.regex(refused, /^HTTP\/1.1 415 /);
});
