import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { eventually } from '#testkit/eventually.ts';
import { jsonBody, serve } from './support.ts';

const common = {
  tag: 'test',
  summary: 'For tests',
  auth: 'public',
  rateLimit: 'none',
  load: 'write',
  errors: [],
} as const;
const routes = [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/echo',
    request: { body: z.looseObject({}), query: z.object({ n: z.string().optional() }) },
    responses: { 200: z.looseObject({}) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
  defineRoute({
    ...common,
    load: 'none',
    method: 'POST',
    path: '/sign-in',
    request: { body: z.looseObject({}) },
    responses: { 200: z.strictObject({}) },
    handler: async () => ({ status: 200, body: {} }),
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/form',
    consumes: ['application/x-www-form-urlencoded'],
    request: { body: z.looseObject({}) },
    responses: { 200: z.looseObject({}) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
  defineRoute({
    ...common,
    method: 'PUT',
    path: '/chunk',
    consumes: ['application/octet-stream'],
    bodyLimit: 'chunk',
    request: { body: z.instanceof(ByteBlocks) },
    responses: { 200: z.looseObject({}) },
    handler: async ({ body }) => ({ status: 200, body: { bytes: body.byteLength } }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/ids',
    request: { query: z.object({ id: z.string().optional() }) },
    responses: { 201: z.looseObject({}) },
    handler: async ({ query }) => ({
      status: 201,
      body: {},
      headers: { Location: `/ids/${encodeURIComponent(query.id ?? '')}` },
    }),
  }),
];

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

test('a request target beyond the limit is 414, at the limit it is served', async (t) => {
  const { call } = await serve(t, { routes, limits: { urlBytes: 200 } });
  const target = (length: number): string => `/api/v1/ids?id=${'x'.repeat(length - '/api/v1/ids?id='.length)}`;
  t.is((await call(target(200))).status, 201);
  const refused = await call(target(201));
  t.is(refused.status, 414);
  t.is(await codeOf(refused), 'uri_too_long');
  const nowhere = await call(`/${'y'.repeat(300)}`);
  t.is(nowhere.status, 414, 'also where there is no route');
});

test('more header fields than allowed are 431, whatever their size', async (t) => {
  const { raw } = await serve(t, { routes, limits: { headerCount: 30 } });
  const request = (count: number): string =>
    `GET /api/v1/ids HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'X: y\r\n'.repeat(count - 2)}\r\n`;
  t.regex(await raw(request(30), 5_000), /^HTTP\/1\.1 201 /);
  const refused = await raw(request(31), 5_000);
  t.regex(refused, /^HTTP\/1\.1 431 /);
  t.true(refused.includes('"code":"headers_too_large"'));
  t.true(refused.includes('at most 30 header fields'));
});

test('far more header fields than allowed are refused before a request is made of them', async (t) => {
  const { raw, lines } = await serve(t, { routes, limits: { headerCount: 30 } });
  const many = `GET /api/v1/ids HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(500)}\r\n`;
  const refused = await raw(many.repeat(5), 5_000);
  t.regex(refused, /^HTTP\/1\.1 431 /);
  t.true(refused.includes('"code":"headers_too_large"'));
  t.deepEqual(
    lines.map((line) => line['method']),
    ['_OTHER'],
    'the parser refused the first one, and no other one was made',
  );
});

test('a flood of header bytes is cut off while it arrives', async (t) => {
  const { port } = await serve(t, { routes });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.write('GET /api/v1/ids HTTP/1.1\r\nHost: a\r\n');
  let sent = 0;
  while (!socket.closed && sent < 10_000_000) {
    sent += 8_192;
    socket.write(`X-${sent}: ${'z'.repeat(8_170)}\r\n`);
    // Lets the server read.
    await sleep(1);
  }
  t.true(sent < 5_000_000, `${sent} bytes were taken`);
  t.regex(answer, /^(HTTP\/1\.1 431 |$)/);
});

test('a second Host, Authorization or Content-Type is refused rather than ignored', async (t) => {
  const { raw } = await serve(t, { routes });
  for (const name of ['Host', 'Authorization', 'content-type']) {
    const answer = await raw(
      `GET /api/v1/ids HTTP/1.1\r\nConnection: close\r\nHost: a\r\n${name}: b\r\n${name}: c\r\n\r\n`,
      5_000,
    );
    t.regex(answer, /^HTTP\/1\.1 400 /, name);
  }
});

test('too many names in a query or a form are one fault, found before any is decoded', async (t) => {
  const { call } = await serve(t, { routes, limits: { queryParameters: 10 } });
  const names = Array.from({ length: 11 }, (_, index) => `n${index}=%zz`).join('&');
  const query = await call(`/api/v1/echo?${names}`, jsonBody({}));
  t.is(query.status, 422);
  t.like(await query.json(), { code: 'validation_failed', errors: [{ pointer: 'query', code: 'too_many' }] });
  const form = new URLSearchParams(Array.from({ length: 11 }, (_, index): [string, string] => [`n${index}`, '1']));
  t.is((await call('/api/v1/form', { method: 'POST', body: form })).status, 422);
  form.delete('n0');
  t.is((await call('/api/v1/form', { method: 'POST', body: form })).status, 200);
});

test('a route without a slot takes small bodies only', async (t) => {
  const { call } = await serve(t, { routes, limits: { bodyLimitBytes: 65_536 } });
  const send = (path: string, bytes: number) => call(path, jsonBody(`{"a":"${'x'.repeat(bytes - 8)}"}`));
  t.is((await send('/api/v1/sign-in', 16_384)).status, 200);
  const refused = await send('/api/v1/sign-in', 16_385);
  t.is(refused.status, 413);
  t.like(await refused.json(), { code: 'payload_too_large', detail: 'The body may have at most 16384 bytes' });
  t.is((await send('/api/v1/echo', 65_536)).status, 200);
  // The same without a length, compressed and not.
  const text = Buffer.from(`{"a":"${'x'.repeat(16_385 - 8)}"}`);
  for (const [encoding, bytes] of [
    ['identity', text],
    ['gzip', gzipSync(text)],
  ] as const) {
    const body = new Blob([new Uint8Array(bytes)]).stream();
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': encoding };
    const answer = await call('/api/v1/sign-in', { method: 'POST', headers, body, duplex: 'half' });
    t.is(answer.status, 413, encoding);
  }
});

test('a chunk has a limit of its own, between that of a body and that of a batch', async (t) => {
  const limits = { bodyLimitBytes: 10, chunkBodyLimitBytes: 1_000, batchBodyLimitBytes: 5_000 };
  const { call } = await serve(t, { routes, limits });
  const send = (bytes: number): Promise<Response> =>
    call('/api/v1/chunk', {
      method: 'PUT',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    });
  t.is((await send(1_000)).status, 200);
  const refused = await send(1_001);
  t.is(refused.status, 413);
  t.like(await refused.json(), { code: 'payload_too_large' });
});

test('JSON may be nested so deep and no deeper, in arrays and in objects', async (t) => {
  const { call } = await serve(t, { routes, limits: { jsonShape: { maxDepth: 5 }, bodyLimitBytes: 1_000_000 } });
  const objects = (depth: number): string => '{"a":'.repeat(depth - 1) + '{}' + '}'.repeat(depth - 1);
  t.is((await call('/api/v1/echo', jsonBody(objects(5)))).status, 200);
  const refused = await call('/api/v1/echo', jsonBody(objects(6)));
  t.is(refused.status, 400);
  t.is(await codeOf(refused), 'malformed_body');
  const arrays = `{"a":${'['.repeat(300_000)}${']'.repeat(300_000)}}`;
  t.is((await call('/api/v1/echo', jsonBody(arrays))).status, 400);
  t.is((await call('/api/v1/echo', jsonBody({ text: '[[[[{{{{"\\[[[[' }))).status, 200, 'text does not count');
});

for (const [encoding, compress] of Object.entries({ gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync })) {
  test.serial(`a ${encoding} bomb is cut off at the limit, without its memory`, async (t) => {
    const { call } = await serve(t, { routes });
    const bomb = compress(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().rss;
    const { headers } = jsonBody('', { 'Content-Encoding': encoding });
    const answer = await call('/api/v1/echo', { method: 'POST', headers: headers!, body: bomb });
    t.is(answer.status, 413);
    t.is(await codeOf(answer), 'payload_too_large');
    t.true(process.memoryUsage().rss - before < 40_000_000);
  });
}

test('slowloris: connections that dribble are closed, others are served meanwhile', async (t) => {
  const { port, call } = await serve(t, { routes, headersTimeoutMs: 300, requestTimeoutMs: 600 });
  const begun = performance.now();
  let sending = 0;
  const dribbling = Array.from({ length: 100 }, async (_, index) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    const body = index % 2 === 0;
    socket.write(`POST /api/v1/echo HTTP/1.1\r\nHost: a\r\n`);
    if (body) socket.write('Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
    const timer = setInterval(() => socket.write(body ? ' ' : 'X-A: b\r\n'), 50);
    sending += 1;
    await once(socket, 'close');
    clearInterval(timer);
  });
  await eventually(() => sending === 100, 'all connections are open');
  t.is((await call('/api/v1/ids')).status, 201);
  await Promise.all(dribbling);
  t.true(performance.now() - begun < 4_000);
});

test('an idle connection is closed after its time', async (t) => {
  const { port } = await serve(t, { routes, keepAliveTimeoutMs: 100 });
  const socket = connect(port, '127.0.0.1');
  socket.resume();
  socket.write('GET /api/v1/ids HTTP/1.1\r\nHost: a\r\n\r\n');
  const begun = performance.now();
  await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
  t.true(performance.now() - begun < 4_000);
});

test('no header that echoes the request can be split', async (t) => {
  const { call, raw } = await serve(t, { routes, corsOrigins: ['https://app.example'] });
  const location = await call(`/api/v1/ids?id=${encodeURIComponent('a\r\nSet-Cookie: b=c')}`);
  t.is(location.headers.get('set-cookie'), null);
  t.is(location.headers.get('location'), '/ids/a%0D%0ASet-Cookie%3A%20b%3Dc');
  for (const path of ['/%0d%0aSet-Cookie:%20b=c', '/api/v1/ids?id=%0d%0aSet-Cookie:b', '/api/v1/%0d%0aX-Evil:1']) {
    const answer = await raw(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: a%0d%0aSet-Cookie: b\r\n\r\n`,
      5_000,
    );
    t.notRegex(answer.split('\r\n\r\n')[0] ?? '', /^(set-cookie|x-evil):/im, path);
  }
});

test('prototype pollution: such members and names are data or refused, never applied', async (t) => {
  const { call } = await serve(t, { routes });
  const body = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
  const answer = await call('/api/v1/echo', jsonBody(body));
  t.true(answer.status === 200 || answer.status === 422);
  const form = await call('/api/v1/form', {
    method: 'POST',
    body: new URLSearchParams({ '__proto__[polluted]': '1', 'constructor[prototype][polluted]': '1', __proto__: '1' }),
  });
  t.true(form.status < 500);
  t.is((await call('/api/v1/ids?__proto__[polluted]=1')).status, 422);
  t.is((await call('/api/v1/ids?constructor.prototype.polluted=1')).status, 422);
  t.is(({} as Record<string, unknown>)['polluted'], undefined);
});

test('HEAD is GET without the body; OPTIONS tells what is allowed; both have every common header', async (t) => {
  const { call } = await serve(t, { routes });
  const head = await call('/api/v1/ids', { method: 'HEAD' });
  t.is(head.status, 201);
  t.is(head.headers.get('content-length'), '2');
  t.is(await head.text(), '');
  const missing = await call('/nowhere', { method: 'HEAD' });
  t.is(missing.status, 404);
  t.is(await missing.text(), '');
  const options = await call('/api/v1/echo', { method: 'OPTIONS' });
  t.is(options.status, 204);
  t.is(options.headers.get('allow'), 'OPTIONS, POST');
  for (const response of [head, missing, options]) {
    for (const name of ['x-request-id', 'x-trace-id', 'server-timing', 'content-security-policy']) {
      t.true(response.headers.has(name), name);
    }
  }
});
