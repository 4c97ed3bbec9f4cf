import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { createAnswers, type AnswersDeps } from '#src/http/answers/answers.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startSlowReader } from '#testkit/slow-reader.ts';
import { eventually } from '#testkit/eventually.ts';
import { openRoute, serve } from '../support.ts';

const megabyte = 2 ** 20;
/** More than the kernel takes for a client that does not read. */
const largeBytes = 16 * megabyte;
const bytes = z.custom<Buffer | AnswerPieces>();

const openBytes = 100_000;
/** An answer of which nothing is ever sent. */
class OpenPieces extends AnswerPieces {
  override _read(): void {}
}

const start = async (t: ExecutionContext, options: Partial<AnswersDeps> = {}) => {
  const metrics = recordMetrics();
  const refused: [AbuseKind, string | undefined][] = [];
  let worked = 0;
  const answers = createAnswers({
    backlog: { maxBytes: 1_000 * megabyte, maxBytesByCaller: 40 * megabyte, timeoutMs: 60_000 },
    minBytesPerSecond: 65_536,
    graceMs: 60_000,
    clock: systemClock,
    metrics,
    abuse: { refused: (kind, ip) => void refused.push([kind, ip]) },
    ...options,
  });
  const get = (path: `/${string}`, body: () => Buffer | AnswerPieces, other: Partial<Route> = {}): Route =>
    defineRoute({
      ...openRoute,
      method: 'GET',
      path,
      ...other,
      produces: 'text/plain',
      request: {},
      responses: { 200: bytes },
      handler: async () => {
        worked += 1;
        return { status: 200, body: body() };
      },
    });
  const pieces = (text: () => string) => Array.from({ length: largeBytes / 65_536 }, () => Buffer.from(text()));
  const server = await serve(t, {
    answers,
    clientIp: createClientIp({ trustedProxies: ['127.0.0.1'] }),
    routes: [
      get('/whole', () => Buffer.alloc(largeBytes, 'x')),
      get('/pieces', () => new AnswerPieces(pieces(() => 'x'.repeat(65_536)))),
      get('/random', () => new AnswerPieces(pieces(() => randomBytes(49_152).toString('base64')))),
      get('/open', () => new OpenPieces([Buffer.alloc(openBytes, 'x')])),
      get('/page', () => Buffer.alloc(150_000, 'x')),
      get('/small', () => Buffer.from('small')),
      get('/refused', () => {
        throw validationFailed([{ pointer: '', code: 'invalid_value', detail: 'x'.repeat(largeBytes) }]);
      }),
      get('/small', () => Buffer.from('small'), { method: 'POST' }),
      get('/quotes', () => Buffer.from('small'), { method: 'POST', load: 'batch' }),
      get('/health/live', () => Buffer.from('small'), { atRoot: true }),
    ],
  });
  const from = (address: string, path: string, headers = ''): string =>
    `GET /api/v1${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n${headers}\r\n`;
  const outstanding = (): number => metrics.value('volwatch_http_answer_bytes_outstanding');
  const slow = (address: string, path: string, headers = '') => {
    const reader = startSlowReader(server.port, from(address, path, headers));
    t.teardown(() => reader.socket.destroy());
    return reader;
  };
  return { ...server, metrics, refused, from, slow, outstanding, worked: () => worked };
};

/** Reads until the answer is complete or the connection ends. @returns the number of bytes */
const readAll = async (socket: Socket): Promise<number> => {
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  socket.resume();
  // Not `once`, which rejects when the connection is reset.
  await new Promise((resolve) => socket.on('close', resolve));
  return received;
};

for (const path of ['/whole', '/pieces']) {
  test(`${path}: a client that does not read is cut after the grace, and counted`, async (t) => {
    const { slow, metrics, refused, outstanding } = await start(t, { graceMs: 1_500 });
    const { status, socket } = slow('192.0.2.1', path);
    t.is(await status, 200);
    t.true(outstanding() > megabyte);
    await eventually(
      () => metrics.value('volwatch_http_answers_cut_total', { reason: 'rate' }) === 1,
      'the connection is cut',
    );
    await eventually(() => outstanding() === 0, 'its bytes are not counted any more');
    t.deepEqual(refused, [['answer_slow', '192.0.2.1']]);
    t.true((await readAll(socket)) < largeBytes);
  });
}

for (const encoding of ['zstd', 'br', 'gzip']) {
  test(`${encoding}: compression takes no more than its client reads, and ends with the connection`, async (t) => {
    const { slow, outstanding } = await start(t);
    const { status, socket } = slow('192.0.2.1', '/random', `Accept-Encoding: ${encoding}\r\n`);
    t.is(await status, 200);
    // Until the kernel and the buffers on the way are full.
    let before = Infinity;
    const isStill = (): boolean => before === (before = outstanding());
    await eventually(isStill, 'the compression waits for its client', 30_000, 500);
    t.true(outstanding() > 4 * megabyte, `${outstanding()} of ${largeBytes} bytes are not compressed yet`);
    socket.destroy();
    await eventually(() => outstanding() === 0, 'its bytes are not counted any more');
  });
}

test('the memory of a compression counts until its response closes, as the bytes of the answer do', async (t) => {
  const { port, from, outstanding } = await start(t);
  const ask = (headers: string): Socket => {
    const socket = connect(port, '127.0.0.1', () => socket.write(from('192.0.2.1', '/open', headers)));
    t.teardown(() => socket.destroy());
    return socket;
  };
  const plain = ask('');
  await eventually(() => outstanding() === openBytes, 'the answer counts');
  const compressed = ask('Accept-Encoding: zstd\r\n');
  await eventually(() => outstanding() > 2 * openBytes + megabyte / 2, 'the second one counts with its compression');
  plain.destroy();
  compressed.destroy();
  await t.notThrowsAsync(eventually(() => outstanding() === 0, 'nothing counts any more'));
});

test('a client that reads at more than the min rate gets its whole answer, however long that takes', async (t) => {
  const { slow, metrics, outstanding } = await start(t, { graceMs: 4_000, minBytesPerSecond: 200_000 });
  const { status, socket } = slow('192.0.2.1', '/pieces', 'Connection: close\r\n');
  t.is(await status, 200);
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
    socket.pause();
    // The pause makes the client read about 3 MB a second.
    setTimeout(() => socket.resume(), chunk.length / 3_000);
  });
  socket.resume();
  await once(socket, 'end');
  t.true(received >= largeBytes - 65_536, String(received));
  t.is(metrics.value('volwatch_http_answers_cut_total'), 0);
  await eventually(() => outstanding() === 0, 'its bytes are not counted any more');
});

test('a client that keeps the min rate and is not done in time is cut', async (t) => {
  const backlog = { maxBytes: 100 * megabyte, maxBytesByCaller: 40 * megabyte, timeoutMs: 1_000 };
  const { slow, metrics, refused } = await start(t, { backlog });
  t.is(await slow('192.0.2.1', '/whole').status, 200);
  await eventually(
    () => metrics.value('volwatch_http_answers_cut_total', { reason: 'timeout' }) === 1,
    'the connection is cut',
  );
  t.deepEqual(refused, [['answer_slow', '192.0.2.1']]);
});

test('one caller has no more than its share; further work is not begun before something is read; others are served', async (t) => {
  const { slow, port, from, refused, worked, metrics } = await start(t);
  const held = [slow('192.0.2.1', '/whole'), slow('192.0.2.1', '/whole')];
  for (const { status } of held) t.is(await status, 200);
  t.is(await slow('192.0.2.1', '/whole').status, 429, 'refused when it was done');
  t.is(worked(), 3);
  const socket = connect(port, '127.0.0.1', () => socket.write(from('192.0.2.1', '/whole', 'Connection: close\r\n')));
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  await once(socket, 'close');
  t.is(worked(), 3, 'refused before the work');
  t.regex(text, /^HTTP\/1\.1 429 [^]*\r\nRetry-After: 5\r\n/);
  t.like(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))), { code: 'rate_limit_exceeded', category: 'rate_limit' });
  t.deepEqual(refused, [
    ['answer_backlog', '192.0.2.1'],
    ['answer_backlog', '192.0.2.1'],
  ]);
  t.is(await slow('192.0.2.2', '/whole').status, 200, 'another address');
  held[0]!.socket.destroy();
  await eventually(
    () => metrics.value('volwatch_http_answer_bytes_outstanding') < 33 * megabyte,
    'the bytes of the closed connection are not counted any more',
  );
  t.is(await slow('192.0.2.1', '/whole').status, 200, 'after a connection was closed');
});

test('addresses of one IPv6 network are one caller', async (t) => {
  const { slow } = await start(t);
  for (const host of [1, 2]) t.is(await slow(`2001:db8::${host}`, '/whole').status, 200);
  t.is(await slow('2001:db8::3', '/whole').status, 429);
  t.is(await slow('2001:db8:0:1::3', '/whole').status, 200);
});

test('when the total is reached, the caller who holds the most makes way for one who holds less', async (t) => {
  const { slow, metrics, refused, outstanding } = await start(t, {
    backlog: { maxBytes: 40 * megabyte, maxBytesByCaller: 100 * megabyte, timeoutMs: 60_000 },
  });
  for (let index = 0; index < 2; index += 1) t.is(await slow('192.0.2.1', '/whole').status, 200);
  t.is(await slow('192.0.2.1', '/whole').status, 503, 'nobody holds more than this caller');
  t.is(await slow('192.0.2.2', '/whole').status, 200);
  t.true(outstanding() <= 40 * megabyte);
  t.is(metrics.value('volwatch_http_answers_cut_total', { reason: 'backlog' }), 1);
  t.deepEqual(refused, [
    ['answer_backlog', '192.0.2.1'],
    ['answer_backlog', '192.0.2.1'],
  ]);
});

test('pipelined requests behind an answer that is not read do no work, and are cut with it', async (t) => {
  const { port, from, metrics, outstanding, worked } = await start(t, { graceMs: 2_500 });
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(from('192.0.2.1', '/whole') + from('192.0.2.1', '/page').repeat(20));
  });
  socket.pause();
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await eventually(() => outstanding() > 0, 'bytes are outstanding');
  const answers = worked();
  await eventually(
    () => metrics.value('volwatch_http_answers_cut_total', { reason: 'rate' }) === 1,
    'the connection is cut',
  );
  t.is(worked(), answers, 'requests behind the first one were not begun');
  await eventually(() => outstanding() === 0, 'answers that waited behind others are released too');
});

test('health and requests whose answers are small are served to a caller whose share is used up', async (t) => {
  const { slow, port, from } = await start(t);
  const ask = async (method: string, path: string): Promise<string> => {
    const bytesOf = from('192.0.2.1', path, 'Connection: close\r\n').replace('GET /api/v1', method);
    const socket = connect(port, '127.0.0.1', () => socket.write(bytesOf));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    await once(socket, 'close');
    return text;
  };
  for (const status of [200, 200, 429]) t.is(await slow('192.0.2.1', '/whole').status, status);
  t.regex(await ask('GET /api/v1', '/small'), /^HTTP\/1\.1 429 /, 'a read');
  t.regex(await ask('POST /api/v1', '/quotes'), /^HTTP\/1\.1 429 /, 'work of a batch, whatever the limit of its body');
  t.regex(await ask('GET ', '/health/live'), /^HTTP\/1\.1 200 [^]*small$/);
  t.regex(await ask('POST /api/v1', '/small'), /^HTTP\/1\.1 200 [^]*small$/);
});

test('the answer of an error counts until its client has read it', async (t) => {
  const { slow, outstanding } = await start(t);
  const reader = slow('192.0.2.1', '/refused');
  t.is(await reader.status, 422);
  t.true(outstanding() > largeBytes);
  reader.socket.destroy();
  await eventually(() => outstanding() === 0, 'it is released');
});
