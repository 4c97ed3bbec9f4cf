import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { listen, type Listening } from '#src/http/server/listen.ts';

const host = '127.0.0.1';

const start = async (
  t: ExecutionContext,
  isFull: () => boolean = () => false,
  onAcceptError: (error: Error) => void = () => {},
) => {
  const server = createServer((_, response) => response.end('hello'));
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  const listening = await listen(server, { port: 0, host, isFull, onAcceptError });
  t.teardown(async () => {
    server.closeAllConnections();
    for (const socket of accepted) socket.destroy();
    await listening.close();
  });
  return { server, listening, accepted };
};

const clients = (t: ExecutionContext, { port }: Listening, count: number): Socket[] =>
  Array.from({ length: count }, () => {
    const client = connect({ port, host }).on('error', () => {});
    t.teardown(() => client.destroy());
    return client;
  });

test('many new connections are accepted in a few turns of the event loop', async (t) => {
  const { listening, accepted } = await start(t);
  const count = 256;
  clients(t, listening, count);
  let turns = 0;
  for (; accepted.length < count && turns < 2 * count; turns += 1) await turn();
  t.is(accepted.length, count);
  // One listening socket needs a turn for each connection.
  t.true(turns < count / 8, `${turns} turns`);
});

test('the connections of all listening sockets are answered, and count for one limit', async (t) => {
  const open = new Set<Socket>();
  const { server, listening, accepted } = await start(t, () => open.size >= 20);
  server.on('connection', (socket: Socket) => open.add(socket));
  let dropped = 0;
  server.on('drop', () => (dropped += 1));
  const isAnswered = (client: Socket): Promise<boolean> =>
    new Promise((resolve) => {
      client.once('data', () => resolve(true)).once('close', () => resolve(false));
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    });
  const answers = await Promise.all(clients(t, listening, 50).map(isAnswered));
  t.is(answers.filter(Boolean).length, 20);
  t.is(accepted.length, 20);
  t.is(dropped, 30);
});

test('an error of accept is handed on, and does not end the process', async (t) => {
  const failed: unknown[] = [];
  const { server, listening } = await start(t, undefined, (error) => void failed.push(error));
  // Node emits the event so when the system has no descriptor for the connection.
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' });
  t.notThrows(() => server.emit('error', error));
  t.deepEqual(failed, [error]);
  const [client] = clients(t, listening, 1);
  client!.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  t.regex(String((await once(client!, 'data'))[0]), /^HTTP\/1.1 200/, 'the next connection is accepted');
});

const listenAgain = (port: number): Promise<unknown> => {
  const second: Server = createServer();
  return listen(second, { port, host, isFull: () => false, onAcceptError: () => {} });
};

test('a port that is in use is refused, and is free after the close', async (t) => {
  const { listening } = await start(t);
  await t.throwsAsync(listenAgain(listening.port), { code: 'EADDRINUSE' });
  await listening.close();
  const again = (await listenAgain(listening.port)) as Listening;
  t.is(again.port, listening.port);
  await again.close();
});

test('close waits for the connections of every listening socket', async (t) => {
  const { listening, accepted } = await start(t);
  const [client] = clients(t, listening, 1);
  await once(client!, 'connect');
  while (accepted.length === 0) await turn();
  let isClosed = false;
  const closing = listening.close().then(() => (isClosed = true));
  for (let turns = 0; turns < 20; turns += 1) await turn();
  t.false(isClosed);
  client!.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await closing;
  t.true(isClosed);
});
