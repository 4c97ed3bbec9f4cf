import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { readTarget } from '#src/http/server/request-head.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { openRoute, jsonBody, serve } from './support.ts';

const started = new EventTarget();
const routes = [
  defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/slow',
    request: {},
    responses: { 200: z.strictObject({ done: z.boolean() }) },
    handler: async () => {
      started.dispatchEvent(new Event('slow'));
      // The duration of the request.
      await sleep(150);
      return { status: 200, body: { done: true } };
    },
  }),
  defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/waits',
    request: {},
    responses: { 204: null },
    handler: async ({ context }) => {
      started.dispatchEvent(new Event('waits'));
      await once(context.signal, 'abort');
      started.dispatchEvent(new Event('aborted'));
      return { status: 204, body: null };
    },
  }),
  defineRoute({
    ...openRoute,
    method: 'GET',
    path: '/gives-up',
    request: {},
    responses: { 204: null },
    handler: async ({ context: { signal } }) => {
      await once(signal, 'abort');
      signal.throwIfAborted();
      return { status: 204, body: null };
    },
  }),
  defineRoute({
    ...openRoute,
    method: 'POST',
    path: '/echo',
    request: { body: z.strictObject({ n: z.number() }) },
    responses: { 200: z.strictObject({ n: z.number() }) },
    handler: async ({ body }) => ({ status: 200, body }),
  }),
];

const refusals: [string, string, number, string][] = [
  ['nonsense', 'NONSENSE\r\n\r\n', 400, 'malformed_request'],
  [
    'a header section of 20 kB',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'two Host headers',
    'GET /api/v1/slow HTTP/1.1\r\nHost: a\r\nhost: b\r\nConnection: close\r\n\r\n',
    400,
    'malformed_request',
  ],
  [
    'a target that is neither a path nor a URL',
    'GET http://[x/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    400,
    'malformed_request',
  ],
  ...['http://u:p%@h/', '//u:p%@h/x#', 'ftp://h/', 'http://u@h/api/v1/slow', '/api/v1/slow#x', '/api/v1/\u00a0'].map(
    (target): [string, string, number, string] => [
      `the target ${JSON.stringify(target)}`,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      400,
      'malformed_request',
    ],
  ),
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
  ['no Host header', 'GET /api/v1/slow HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
  [
    'both length and chunks',
    'POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'malformed_request',
  ],
];
for (const [name, bytes, status, code] of refusals) {
  test(`refuses ${name} with a problem document`, async (t) => {
    const { raw, reported, lines } = await serve(t, { routes });
    const answer = await raw(bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    t.true(head.startsWith(`HTTP/1.1 ${status} `), head);
    for (const header of ['x-request-id: ', 'x-trace-id: ', 'server-timing: total;dur=', 'application/problem+json']) {
      t.true(head.toLowerCase().includes(header), header);
    }
    t.like(JSON.parse(body), { status, code });
    const errors = reported.filter((each) => each.name === 'volwatch_errors_total');
    t.deepEqual(
      errors.map(({ labels }) => labels['code']),
      [code],
    );
    t.is(lines.filter((line) => line['code'] === code).length, 1);
  });
}

test('a URL as the target is read as its path and query', async (t) => {
  const { raw } = await serve(t, { routes });
  for (const [host, path] of [
    ['h', '/openapi.json'],
    ['H.test:80', '/openapi.json?'],
    ['[::1]:80', '/openapi.json'],
    ['my_host', '/openapi.json'],
  ]) {
    const answer = await raw(`GET http://${host}${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    t.regex(answer, /^HTTP\/1\.1 200 /, path);
  }
  const answer = await raw('GET http://h/api/v1/none?q=%25 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  t.regex(answer, /^HTTP\/1\.1 404 /);
});

test('a URL as the target is read before every limit, so its host is no work', (t) => {
  const marks = `${'%CC%81'.repeat(1_300)}${'%CC%A3'.repeat(1_300)}`;
  for (const host of ['', marks, 'a'.repeat(254), 'b\u00fc.test', 'a%2eb', 'u@h', 'h:', 'h:x', '[h]', '\\h']) {
    t.false(readTarget({ url: `http://${host}/` }), host.slice(0, 20));
  }
  const targets = [
    ['http://h', '/'],
    ['HTTPS://h?q=%CC%81', '/?q=%CC%81'],
    ['http://h//x/../y?a=/b', '//x/../y?a=/b'],
    [`http://h/${marks}`, `/${marks}`],
  ] as const;
  for (const [url, path] of targets) {
    const request: { url?: string } = { url };
    t.true(readTarget(request), url.slice(0, 20));
    t.is(request.url, path);
  }
});

test('a CONNECT whose connection is reset fails nothing, and one that stays open is closed', async (t) => {
  const { port, server } = await serve(t, { routes });
  const connectTo = async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.write('CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    t.true(answer.toString().startsWith('HTTP/1.1 400 '));
    return socket;
  };
  // A reset after the answer would be an uncaught exception, which ends this test file.
  for (let count = 0; count < 20; count += 1) (await connectTo()).resetAndDestroy();
  const held = await connectTo();
  // The client keeps its half open. Writes fail only after the service has destroyed the socket.
  await eventually(() => {
    if (!held.destroyed) held.write('still here');
    return held.destroyed;
  }, 'the service closes the connection');
  const last = await connectTo();
  await server.close({ graceMs: 100 });
  await eventually(() => {
    if (!last.destroyed) last.write('still here');
    return last.destroyed;
  }, 'the stop closes the connection');
});

test.serial('bodies of waiting and of refused requests take about the memory of their bytes', async (t) => {
  const { port } = await serve(t, { routes });
  const piece = '1\r\n \r\n';
  const before = process.memoryUsage().rss;
  const head =
    'POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  // The first request of each connection waits for the rest of its body, so the others wait for its answer.
  const waiting = `${head}${head}${piece.repeat(4_000)}0\r\n\r\n`;
  const sockets = Array.from({ length: 40 }, () => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET /api/v1/slow HTTP/1.1\r\nHost: a\r\n\r\n${waiting}`),
    );
    socket.on('error', () => {}).resume();
    return socket;
  });
  await sleep(1_000); // The time for the service to take what it takes.
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  for (const socket of sockets) socket.destroy();
  t.true(grown < 150, `${grown.toFixed(0)} MiB for 0.2 MB of bodies`);
});

test('cuts a client that never sends the rest of a request that was answered early', async (t) => {
  const { raw } = await serve(t, { routes, requestTimeoutMs: 100, longRequestTimeoutMs: 60_000 });
  const begun = performance.now();
  const answer = await raw('POST /api/v1/unknown HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{', 20_000);
  t.true(answer.startsWith('HTTP/1.1 404 '), answer);
  t.true(performance.now() - begun < 10_000);
});

test('cuts a client whose headers, or whose body, never end', async (t) => {
  const { raw } = await serve(t, { routes, headersTimeoutMs: 100, requestTimeoutMs: 100 });
  const begun = performance.now();
  const [headers, body] = await Promise.all([
    raw('GET /api/v1/slow HTTP/1.1\r\nHost: a\r\n', 2000),
    raw('POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{', 2000),
  ]);
  t.true(performance.now() - begun < 1500);
  t.true(headers.startsWith('HTTP/1.1 408 '), headers);
  t.true(body.startsWith('HTTP/1.1 408 '), body);
  t.true(body.includes('"request_timeout"'));
});

test.serial('a client that leaves aborts the signal of its handler', async (t) => {
  const { port } = await serve(t, { routes });
  const reached = once(started, 'waits');
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /api/v1/waits HTTP/1.1\r\nHost: a\r\n\r\n'));
  await reached;
  const left = once(started, 'aborted', { signal: AbortSignal.timeout(2000) });
  socket.destroy();
  await t.notThrowsAsync(left);
});

test.serial('the deadline of a request aborts the signal of its handler', async (t) => {
  const limits = { bodyLimitBytes: 100, batchBodyLimitBytes: 100, requestDeadlineMs: 50 };
  const { call } = await serve(t, { routes, limits });
  t.is((await call('/api/v1/waits')).status, 204);
  const late = await call('/api/v1/gives-up');
  t.is(late.status, 503);
  t.is(late.headers.get('retry-after'), '1');
  t.like(await late.json(), { code: 'overloaded' });
});

test('a draining server still serves, closes each connection, and ends with the last request', async (t) => {
  const { call, server } = await serve(t, { routes });
  t.not((await call('/api/v1/echo', jsonBody({ n: 1 }))).headers.get('connection'), 'close');
  server.drain();
  const drained = await call('/api/v1/echo', jsonBody({ n: 1 }));
  t.is(drained.status, 200);
  t.is(drained.headers.get('connection'), 'close');

  const reached = once(started, 'slow');
  const slow = call('/api/v1/slow');
  await reached;
  const closed = server.close({ graceMs: 5000 });
  t.is((await slow).status, 200);
  await closed;
  await t.throwsAsync(call('/api/v1/echo'));
});

test.serial('close cuts what outlasts the grace', async (t) => {
  const { call, server } = await serve(t, { routes });
  const reached = once(started, 'waits');
  const waiting = call('/api/v1/waits');
  const failed = t.throwsAsync(waiting);
  await reached;
  const begun = performance.now();
  await server.close({ graceMs: 100 });
  t.true(performance.now() - begun < 1000);
  await failed;
});

test('while it lingers, a request on an open connection is still served, and closes it', async (t) => {
  const { port, server } = await serve(t, { routes });
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const begun = performance.now();
  const closed = server.close({ graceMs: 5000, lingerMs: 2000 });
  // Some time after the close, and well before the end of the linger.
  await sleep(50);
  socket.write('GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  t.regex(answer.toString(), /^HTTP\/1.1 404 [^]*\r\nConnection: close\r\n/);
  await closed;
  t.true(performance.now() - begun < 1500, 'it ends with the last connection');
});

test.serial('a second close without grace cuts the first one short', async (t) => {
  const { call, server } = await serve(t, { routes });
  const reached = once(started, 'waits');
  const failed = t.throwsAsync(call('/api/v1/waits'));
  await reached;
  const begun = performance.now();
  const patient = server.close({ graceMs: 30_000 });
  await server.close({ graceMs: 0 });
  await patient;
  t.true(performance.now() - begun < 1000);
  await failed;
});
