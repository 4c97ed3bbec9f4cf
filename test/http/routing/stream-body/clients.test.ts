import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { csv, head, path, setup } from './setup.ts';

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
    // The handler reads after the server has seen the end of the connection.
    const beforeRead = async (signal: AbortSignal): Promise<void> => {
      begun.resolve();
      await eventually(() => signal.aborted, 'the server sees that the client has left');
    };
    const { server, seen } = setup(t, { beforeRead });
    const { port } = await server;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${head({ ...csv, 'Content-Encoding': encoding, 'Content-Length': '1000' })}a`);
    });
    await begun.promise;
    socket.destroy();
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
