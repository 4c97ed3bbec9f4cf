import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { publicRoute, serve } from '../support.ts';

/** A server for three connections, with a route whose answers wait for `answer`. */
const setup = async (t: ExecutionContext, trustedProxies: readonly string[] = []) => {
  const gate = Promise.withResolvers<void>();
  let started = 0;
  const slow = publicRoute('/slow', () => {
    started += 1;
    return gate.promise;
  });
  const { port, reported } = await serve(t, { routes: [slow], maxConnections: 3, trustedProxies });
  const open = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    const state = { socket, received: '', isClosed: false };
    socket.on('data', (bytes) => (state.received += String(bytes)));
    socket.on('close', () => (state.isClosed = true));
    return state;
  };
  const ask = (socket: Socket): boolean => socket.write('GET /api/v1/slow HTTP/1.1\r\nHost: a\r\n\r\n');
  const count = (name: string): number => reported.filter((each) => each.name === name && each.value !== 0).length;
  return { open, ask, count, started: () => started, answer: gate.resolve };
};

test('with all connections in use, the one that is idle for the longest time makes room for a new one', async (t) => {
  const { open, ask, count, started, answer } = await setup(t);
  const [first, second, third] = [await open(), await open(), await open()];
  // Of the first connection a request is in progress, and of the second a part of a head has arrived.
  ask(first.socket);
  await eventually(() => started() === 1, 'the request is in progress');
  second.socket.write('GET /api/v1/slow HTTP/1.1\r\n');
  const fourth = await open();
  ask(fourth.socket);
  await eventually(() => started() === 2, 'the new connection is served');
  await eventually(() => second.isClosed, 'the oldest idle connection is closed');
  t.false(third.isClosed || first.isClosed);
  t.is(count('volwatch_http_connections_evicted_total'), 1);

  ask(third.socket);
  await eventually(() => started() === 3, 'all connections have a request in progress');
  const refused = await open();
  await eventually(() => refused.isClosed, 'no connection is idle');
  t.is(count('volwatch_http_connections_refused_total'), 1);

  answer();
  await eventually(
    () => [first, third, fourth].every(({ received }) => received.includes('200 OK')),
    'all are answered',
  );
  const late = await open();
  ask(late.socket);
  await eventually(() => late.received.includes('200 OK'), 'an answered connection is idle again');
  t.is([first, third, fourth].filter(({ isClosed }) => isClosed).length, 1);
});

test('a connection with pipelined requests is idle after the last answer', async (t) => {
  const { open, ask, started, answer } = await setup(t);
  const [first] = [await open(), await open()];
  ask(first.socket);
  ask(first.socket);
  await eventually(() => started() === 1, 'the first request is in progress, and the second waits');
  const others = [await open(), await open()];
  for (const { socket } of others) ask(socket);
  await eventually(() => started() === 3, 'the others are served');
  t.false(first.isClosed);
  answer();
  await eventually(() => first.received.split('200 OK').length === 3, 'both requests are answered');
});

test('the connections of a trusted proxy make no room', async (t) => {
  const { open, count } = await setup(t, ['127.0.0.1']);
  const proxied = [await open(), await open(), await open()];
  const refused = await open();
  await eventually(() => refused.isClosed, 'a further connection is refused');
  t.false(proxied.some(({ isClosed }) => isClosed));
  t.is(count('volwatch_http_connections_evicted_total'), 0);
});
