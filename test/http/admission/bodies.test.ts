import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { openSocket, openSockets } from '#testkit/raw-sockets.ts';
import { jsonBody, serve } from '../support.ts';
import { bodyRoutes, idle, post } from './routes.ts';

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;
const gauge = (reported: readonly { name: string; value: number }[], name: string): number | undefined =>
  reported.findLast((each) => each.name === name)?.value;

test('bodies that are being read are bounded for a caller; other callers go on', async (t) => {
  const { port, call, kinds, reported } = await serve(t, { routes: bodyRoutes(), bodyAdmission: { maxBodies: 20 } });
  const attacker = { port, from: '127.0.0.2' };
  const sockets = await openSockets(t, attacker, idle('/pricing/price'), 15);
  await eventually(() => sockets.filter(({ answer }) => answer() !== '').length === 5, 'five sockets have an answer');
  for (const { answer } of sockets.filter(({ answer }) => answer() !== '')) {
    t.regex(answer(), /^HTTP\/1\.1 429 [^]*Retry-After: 1\r\n[^]*"code":"concurrency_limit_exceeded"/);
  }
  t.deepEqual(new Set(kinds), new Set(['body_backlog']));
  t.is(gauge(reported, 'volwatch_http_bodies_in_progress'), 10);
  t.is((await call('/api/v1/pricing/price', jsonBody({}))).status, 200);
  for (const { socket } of sockets) socket.destroy();
  await eventually(() => gauge(reported, 'volwatch_http_bodies_in_progress') === 0, 'every body is given back');
});

test('the bytes of bodies are bounded while they are counted, declared or not, and small bodies go on', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { port, call, kinds, reported } = await serve(t, {
    routes: bodyRoutes(() => gate.promise),
    limits: { batchBodyLimitBytes: 1_000_000 },
    bodyAdmission: { maxTotalBytes: 400_000 },
  });
  const declared = await openSocket(t, { port }, idle('/pricing/batch', 900_000));
  await eventually(
    () => declared.answer().startsWith('HTTP/1.1 503 '),
    'the declared length is refused from the start',
  );
  const chunk = `${(50_000).toString(16)}\r\n${' '.repeat(50_000)}\r\n`;
  const chunked = await openSocket(t, { port }, post('/pricing/batch', { 'Transfer-Encoding': 'chunked' }));
  for (let sent = 0; sent < 16 && chunked.answer() === ''; sent += 1) chunked.socket.write(chunk);
  await eventually(
    () => chunked.answer().startsWith('HTTP/1.1 429 '),
    () => `429 for the chunked body: ${chunked.answer()}`,
  );
  t.true(kinds.includes('body_backlog'));
  await eventually(() => gauge(reported, 'volwatch_http_body_bytes') === 0, 'no byte is counted any more');

  // Counted until the work is done, not only while it is read.
  const kept = call('/api/v1/pricing/batch', jsonBody(' '.repeat(150_000)));
  await eventually(() => (gauge(reported, 'volwatch_http_body_bytes') ?? 0) > 140_000, 'the bytes are counted');
  t.is(await codeOf(await call('/api/v1/pricing/batch', jsonBody(' '.repeat(150_000)))), 'concurrency_limit_exceeded');
  const small = call('/api/v1/pricing/batch', jsonBody(' '.repeat(1_000)));
  gate.resolve();
  t.is((await small).status, 200);
  t.is((await kept).status, 200);
  await eventually(() => gauge(reported, 'volwatch_http_body_bytes') === 0, 'no byte is counted any more');
});

test('very many tiny chunks are refused, and a thousand of them are one body', async (t) => {
  const { port, kinds } = await serve(t, { routes: bodyRoutes(), limits: { batchBodyLimitBytes: 1_000_000 } });
  const send = async (count: number) => {
    const socket = await openSocket(t, { port }, post('/pricing/batch', { 'Transfer-Encoding': 'chunked' }));
    socket.socket.write(`${'1\r\n \r\n'.repeat(count)}0\r\n\r\n`);
    await eventually(() => socket.answer() !== '', 'an answer');
    return socket.answer();
  };
  t.regex(await send(1_000), /^HTTP\/1\.1 200 /);
  t.deepEqual(kinds, []);
  t.regex(await send(100_000), /^HTTP\/1\.1 400 [^]*"malformed_body"/);
  t.deepEqual(kinds, ['body_structure']);
});

test('a body that comes too slowly is 408; one that keeps the rate may take its time', async (t) => {
  const { port, kinds } = await serve(t, {
    routes: bodyRoutes(),
    bodyAdmission: { graceMs: 500, minBytesPerSecond: 200 },
  });
  const stopped = await openSocket(t, { port }, `${idle('/pricing/batch', 3_000)}${' '.repeat(900)}`);
  const steady = await openSocket(t, { port }, idle('/pricing/batch', 3_000));
  for (let sent = 0; sent < 30; sent += 1) {
    steady.socket.write(' '.repeat(100));
    // 100 bytes in 50 ms are ten times the min rate.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await eventually(() => stopped.closed(), 'the slow connection is closed');
  t.regex(stopped.answer(), /^HTTP\/1\.1 408 [^]*\r\nConnection: close\r\n[^]*"code":"request_timeout"/);
  await eventually(
    () => steady.answer().startsWith('HTTP/1.1 200 '),
    () => `the steady body is served: ${steady.answer()}`,
  );
  t.deepEqual(kinds, ['body_slow']);
});

const compressions = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };
for (const [encoding, compress] of Object.entries(compressions)) {
  test(`a ${encoding} body may grow so far and no further: by size, and by ratio beyond a free size`, async (t) => {
    const { call, kinds } = await serve(t, {
      routes: bodyRoutes(),
      limits: { batchBodyLimitBytes: 500_000, expansion: { freeBytes: 100_000, maxRatio: 20 } },
    });
    const send = async (plain: Buffer): Promise<Response> =>
      call('/api/v1/pricing/batch', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Encoding': encoding },
        body: new Uint8Array(compress(plain)),
      });
    const numbers = Buffer.from(Array.from({ length: 30_000 }, (_, index) => Math.sin(index).toFixed(6)).join(','));
    t.true(numbers.length > 200_000);
    t.is((await send(numbers)).status, 200, 'beyond the free size, at a usual ratio');
    t.is((await send(Buffer.alloc(90_000))).status, 200, 'within the free size, at any ratio');
    t.deepEqual(kinds, []);
    const bomb = await send(Buffer.alloc(200_000));
    t.is(bomb.status, 413);
    t.is(await codeOf(bomb), 'payload_too_large');
    t.is((await send(Buffer.concat(Array.from({ length: 3 }, () => numbers)))).status, 413, 'beyond the route');
    t.deepEqual(kinds, ['body_expansion', 'body_expansion']);
  });
}

test('JSON that is parsed on the main thread is bounded in values, elements and members', async (t) => {
  const { call, kinds } = await serve(t, {
    routes: bodyRoutes(),
    limits: { bodyLimitBytes: 1_000_000, jsonShape: { maxDepth: 5, maxValues: 100, maxItems: 50, maxMembers: 20 } },
  });
  const list = (length: number): number[] => Array.from({ length }, () => 1);
  const members = (count: number) => Object.fromEntries(list(count).map((value, index) => [`m${index}`, value]));
  t.is((await call('/api/v1/pricing/price', jsonBody({ a: list(50), b: members(20) }))).status, 200);
  for (const body of [{ a: list(51) }, { a: members(21) }, { a: list(50), b: list(49) }, { a: [[[[[1]]]]] }]) {
    const refused = await call('/api/v1/pricing/price', jsonBody(body));
    t.is(refused.status, 400);
    t.is(await codeOf(refused), 'malformed_body');
  }
  t.deepEqual(kinds, Array(4).fill('body_structure'));
});

test('JSON that is parsed on the main thread has at most 256 different member names', async (t) => {
  const { call, kinds } = await serve(t, {
    routes: bodyRoutes(),
    limits: {
      bodyLimitBytes: 1_000_000,
      jsonShape: { maxDepth: 5, maxValues: 5_000, maxItems: 5_000, maxMembers: 100 },
    },
  });
  const rows = (names: number) =>
    Array.from({ length: 200 }, (_, row) => ({ [`a name of some length ${row % names}`]: 1 }));
  const more = (names: number) => ({
    x: [
      ...rows(Math.min(names - 1, 200)),
      ...Array.from({ length: Math.max(0, names - 201) }, (_, row) => ({ [`other ${row}`]: 1 })),
    ],
  });
  t.is((await call('/api/v1/pricing/price', jsonBody(more(256)))).status, 200);
  const refused = await call('/api/v1/pricing/price', jsonBody(more(258)));
  t.is(refused.status, 400);
  t.is(await codeOf(refused), 'malformed_body');
  t.deepEqual(kinds, ['body_structure']);
});
