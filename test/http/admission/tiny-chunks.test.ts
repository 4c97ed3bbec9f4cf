import { spawn } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { CountedRequest, tinyChunks } from '#src/http/server/counted-request.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket } from '#testkit/raw-sockets.ts';
import { serve } from '../support.ts';
import { bodyRoutes, post } from './routes.ts';

/** All of it arrives in one read of 64 KiB. */
const manyTinyChunks = '1\r\n \r\n'.repeat(8_000);

const head = 'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n';

const countPieces = async (t: ExecutionContext, listener: RequestListener) => {
  const count = { pieces: 0, refusals: 0 };
  class Observed extends CountedRequest {
    override push(piece: unknown, encoding?: BufferEncoding): boolean {
      if (piece !== null) count.pieces += 1;
      return super.push(piece, encoding);
    }
  }
  const server = createServer({ IncomingMessage: Observed }, listener);
  server.on('connection', (socket) => socket.once(tinyChunks, () => (count.refusals += 1)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { server, port: (server.address() as AddressInfo).port, count };
};

test('the parser skips the rest of a read after too many tiny chunks', async (t) => {
  const { port, count } = await countPieces(t, (request) => request.resume());
  const client = await openSocket(t, { port }, head + manyTinyChunks);
  await eventually(() => client.closed(), 'the connection is closed');
  t.deepEqual(count, { pieces: 1_024, refusals: 1 });

  // The parser is used for the next connection, and must give its body again.
  const next = await openSocket(t, { port }, `${head}5\r\nhello\r\n`);
  await eventually(() => count.pieces === 1_025, 'the piece of the next connection');
  next.socket.destroy();
});

test('tiny chunks are counted after the answer too', async (t) => {
  const { port, count } = await countPieces(t, (_, response) => response.end('early'));
  const client = await openSocket(t, { port }, head);
  await eventually(() => client.answer().includes('early'), 'the answer');
  client.socket.write(manyTinyChunks);
  await eventually(() => client.closed(), 'the connection is closed');
  t.deepEqual(count, { pieces: 1_024, refusals: 1 });
});

/** A connection without a socket, because only so the bytes of many connections surely come in one turn. */
class Memory extends Duplex {
  override _read(): void {}
  override _write(_: unknown, __: BufferEncoding, done: () => void): void {
    done();
  }
  setTimeout(): this {
    return this;
  }
}

test('small chunks of many connections are refused when they take too long in one turn', async (t) => {
  const codes: string[] = [];
  const { server, count } = await countPieces(t, (request) => {
    request.resume().once(tinyChunks, (error: AppError) => codes.push(error.code));
  });
  // 20 characters each, so one connection alone may send them.
  const smallChunks = `14\r\n${' '.repeat(20)}\r\n`.repeat(2_000);
  const send = (): void => {
    const connection = new Memory();
    server.emit('connection', connection);
    connection.push(head + smallChunks);
  };
  for (let connection = 0; connection < 30; connection += 1) send();
  await nextTurn();
  // Each has 16 pieces that do not count.
  const complete = Math.floor(12_288 / (2_000 - 16));
  t.deepEqual(codes, Array(30 - complete).fill('overloaded'), 'a client may try again');
  t.true(count.pieces <= 12_288 + 30 * 18, `${count.pieces} pieces were made`);

  // The parsers of the refused connections are used again after a turn.
  await nextTurn();
  const { pieces } = count;
  send();
  await eventually(() => count.pieces === pieces + 2_000, 'a later turn takes all of one connection');
  t.is(codes.length, 30 - complete);
});

/** Writes bodies in small chunks from another process, as fast as the server reads them. */
const sender = `
  const [port, head] = process.argv.slice(1);
  const row = '32\\r\\n' + ' '.repeat(50) + '\\r\\n';
  for (let connection = 0; connection < 4; connection += 1)
    require('node:net').connect(Number(port), '127.0.0.1').on('error', () => {}).write(head + row.repeat(50_000) + '0\\r\\n\\r\\n');
`;

test('four bodies in small chunks of one client at full speed are not refused', async (t) => {
  const { port, count } = await countPieces(t, (request) => {
    request.resume();
  });
  const client = spawn(process.execPath, ['-e', sender, String(port), head]);
  t.teardown(() => client.kill('SIGKILL'));
  await eventually(() => count.pieces + count.refusals * 50_000 >= 200_000, 'all have arrived');
  t.is(count.refusals, 0);
});

test('a request after a refused body on the same connection is not served without its body', async (t) => {
  const { port } = await serve(t, { routes: bodyRoutes(), limits: { batchBodyLimitBytes: 1_000_000 } });
  const first = `${post('/pricing/batch', { 'Transfer-Encoding': 'chunked' })}${manyTinyChunks}0\r\n\r\n`;
  const second = `${post('/pricing/batch', { 'Content-Length': '2' })}{}`;
  const client = await openSocket(t, { port }, first + second);
  await eventually(() => client.closed(), 'the connection is closed');
  t.regex(client.answer(), /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n[^]*"malformed_body"/);
  t.is(client.answer().match(/HTTP\/1\.1 /g)?.length, 1);
});
