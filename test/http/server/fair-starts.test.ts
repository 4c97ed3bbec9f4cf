import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { inOrder } from '#src/kernel/connections/pipeline.ts';
import { eventually } from '#testkit/eventually.ts';

/** Time that the start of a request takes in these tests. */
const startMs = 0.5;
/** Max starts in one turn: 8, and twice those of 5 ms with one more that begins at the end. See `fair-starts.ts`. */
const maxStarts = 8 + 2 * (5 / startMs + 1);

const requestOf = (client: string): string => `GET / HTTP/1.1\r\nHost: a\r\nClient: ${client}\r\n\r\n`;
const clientOf = ({ headers }: IncomingMessage): string => String(headers['client']);

/** A server that keeps which client it served in which turn of the event loop. */
const setup = async (t: ExecutionContext) => {
  const served: { readonly client: string; readonly turn: number }[] = [];
  let turn = 0;
  let waits = 0;
  const ended = new AbortController();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    served.push({ client: clientOf(request), turn });
    for (const end = performance.now() + startMs; performance.now() < end;);
    response.end('x');
  };
  const server = createServer(
    inOrder(serve, { maxWaiting: 100, onExcess: () => t.fail(), clientOf, onWait: () => (waits += 1) }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const count = async (): Promise<void> => {
    for (; !ended.signal.aborted; turn += 1) await nextTurn();
  };
  const counting = count();
  t.teardown(async () => {
    ended.abort();
    await counting;
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as { readonly port: number };
  let accepted = 0;
  server.on('connection', () => (accepted += 1));
  /** Connections that the server has accepted. */
  const connections = async (wanted: number): Promise<readonly Socket[]> => {
    const before = accepted;
    const sockets = Array.from({ length: wanted }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    );
    t.teardown(() => sockets.forEach((socket) => socket.destroy()));
    await eventually(() => accepted === before + wanted, 'all connections are accepted');
    return sockets;
  };
  return { served, connections, waits: () => waits };
};

test('many requests that arrive at once start a few in each turn, and a client with one of them comes soon', async (t) => {
  const { served, connections, waits } = await setup(t);
  const many = await connections(200);
  const [one] = await connections(1);
  // The kernel has all requests before the event loop reads the first one.
  for (const socket of many) socket.write(requestOf('many'));
  one!.write(requestOf('one'));
  await eventually(() => served.length === 201, 'all are served');
  const first = served[0]!.turn;
  const inTurns = Map.groupBy(served, ({ turn }) => turn);
  const most = Math.max(...[...inTurns.values()].map(({ length }) => length));
  t.true(most <= maxStarts, `${most} started in one turn`);
  const place = served.findIndex(({ client }) => client === 'one');
  t.true(place <= maxStarts, `the request of the other client was number ${place}`);
  t.true(served.at(-1)!.turn - first >= 200 / maxStarts - 1, 'the others take as many turns as they need');
  t.true(waits() >= 200 - maxStarts, `${waits()} have waited`);
});

test('few requests start at once', async (t) => {
  const { served, connections, waits } = await setup(t);
  const few = await connections(7);
  for (const socket of few) socket.write(requestOf('few'));
  await eventually(() => served.length === few.length, 'all are served');
  t.is(waits(), 0);
});

test('a request whose client has left while it waited is not served', async (t) => {
  const { served, connections, waits } = await setup(t);
  const many = await connections(300);
  for (const socket of many) socket.write(requestOf('many'));
  while (waits() < 200) await nextTurn();
  t.true(served.length < 150, 'the last ones wait');
  for (const socket of many.slice(200)) socket.resetAndDestroy();
  const [last] = await connections(1);
  last!.write(requestOf('many'));
  await eventually(() => last!.bytesRead > 0, 'all that waited have had their turn');
  t.true(
    many.slice(0, 200).every(({ bytesRead }) => bytesRead > 0),
    'the others have their answers',
  );
  t.true(served.length < 250, `${served.length} were served`);
});
