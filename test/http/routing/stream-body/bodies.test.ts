import { randomBytes } from 'node:crypto';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { codeOf, csv, digest, head, path, setup } from './setup.ts';

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
  const field = '--x\r\nContent-Disposition: form-data; name="f"\r\n';
  for (const [body, status] of [
    [`${part}symbol,date`, 400],
    // The parser of forms throws for these encodings of a field, and refuses the last one.
    ...['7bit', '8bit', 'binary', 'base64', 'x-unknown'].map(
      (encoding) => [`${field}Content-Transfer-Encoding: ${encoding}\r\n\r\nhello\r\n--x--\r\n`, undefined] as const,
    ),
    [`${field}Content-Transfer-Encoding: 7bit\r\n\r\nhello`, 400],
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
    if (status === undefined) t.true([400, 422].includes(answer.status), body);
    else t.is(answer.status, status, body.slice(0, 200));
  }
  const { call } = await setup(t).server;
  t.is(
    (await call(path, { method: 'POST', headers: { 'Content-Type': 'multipart/form-data' }, body: 'a' })).status,
    400,
  );
});

test('a part that is encoded as base64 is refused by name, whatever its size', async (t) => {
  const type = { 'Content-Type': 'multipart/form-data; boundary=x' };
  const headers = '--x\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv\r\n';
  for (const size of [10, 60_000]) {
    const { server, seen } = setup(t);
    const { call } = await server;
    const content = Buffer.alloc(size, 'a').toString('base64');
    const body = `${headers}Content-Transfer-Encoding: Base64\r\n\r\n${content}\r\n--x--\r\n`;
    const answer = await call(path, { method: 'POST', headers: type, body });
    t.is(answer.status, 400);
    const problem = (await answer.json()) as { readonly code: string; readonly detail: string };
    t.is(problem.code, 'malformed_body');
    t.regex(problem.detail, /base64/);
    t.is(seen.bytes, 0);
  }
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

test('an error of the handler in the middle of a body is answered, and the connection ends', async (t) => {
  const refuse = async (size: number): Promise<void> => {
    if (size > 100_000) throw new AppError('resource_not_found', 'For tests');
  };
  const { raw } = await setup(t, { onPiece: refuse }).server;
  const answer = await raw(head({ ...csv, 'Content-Length': '9000000' }) + 'a'.repeat(1_000_000), 5_000);
  t.regex(answer, /^HTTP\/1.1 404 [\s\S]*Connection: close/i);
});
