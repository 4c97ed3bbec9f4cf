import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createFairStarts } from '#src/kernel/connections/fair-starts.ts';
import { inOrder } from '#src/kernel/connections/pipeline.ts';
import { eventually } from '#testkit/eventually.ts';

/** Time that the start of a request takes in these tests. */
const startMs = 0.5;
/** See `fair-starts.ts`. */
const startsMs = 5;
/** Max starts in the turn in which requests are read: 8, and those of 5 ms with one more that begins at the end. */
const maxStarts = 8 + startsMs / startMs + 1;

const requestOf = (client: string): string => `GET / HTTP/1.1\r\nHost: a\r\nClient: ${client}\r\n\r\n`;
const clientOf = ({ headers }: IncomingMessage): string => String(headers['client']);

/** A server that keeps which client it served in which turn of the event loop. */
const setup = async (t: ExecutionContext) => {
  const served: { readonly client: string; readonly turn: number; readonly at: number }[] = [];
  let turn = 0;
  const waits: number[] = [];
  const ended = new AbortController();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    served.push({ client: clientOf(request), turn, at: performance.now() });
    for (const end = performance.now() + startMs; performance.now() < end;);
    response.end('x');
  };
  const starts = createFairStarts({ clientOf, onWaited: (_, milliseconds) => waits.push(milliseconds) });
  const server = createServer(inOrder(serve, { maxWaiting: 100, onExcess: () => t.fail(), starts }));
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
  return { served, connections, waits, starts };
};

test('many requests that arrive at once start a few in each turn, and a client with one of them comes soon', async (t) => {
  const { served, connections, waits } = await setup(t);
  const many = await connections(200);
  const [one] = await connections(1);
  // The kernel has all requests before the event loop reads the first one.
  for (const socket of many) socket.write(requestOf('many'));
  one!.write(requestOf('one'));
  await eventually(() => served.length === 201, 'all are served');
  const [first, ...later] = Map.groupBy(served, ({ turn }) => turn).values();
  t.true(first!.length <= maxStarts, `${first!.length} started in the turn in which they were read`);
  let before = first!;
  for (const turn of later) {
    // Another process can hold this one for any time, so the limit is about times and not about a number.
    const limit = Math.max(startsMs, (turn[0]!.at - before[0]!.at) / 2);
    const took = turn.at(-1)!.at - turn[0]!.at;
    t.true(took <= limit + startMs, `the last of ${turn.length} started after ${took} ms, and the limit was ${limit}`);
    before = turn;
  }
  const place = served.findIndex(({ client }) => client === 'one');
  t.true(place <= first!.length + 1, `the request of the other client was number ${place}`);
  t.true(waits.length >= 200 - maxStarts, `${waits.length} have waited`);
  t.true(waits.at(-1)! >= 100 * startMs, `the last one has waited ${waits.at(-1)} ms`);
});

test('few requests start at once', async (t) => {
  const { served, connections, waits } = await setup(t);
  const few = await connections(7);
  for (const socket of few) socket.write(requestOf('few'));
  await eventually(() => served.length === few.length, 'all are served');
  t.is(waits.length, 0);
});

test('a request whose client has left while it waited is not served', async (t) => {
  const { served, connections } = await setup(t);
  const many = await connections(300);
  for (const socket of many) socket.write(requestOf('many'));
  while (served.length === 0) await nextTurn();
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

test('a request that waits is not served when the parser refuses what follows on its connection', async (t) => {
  const { served, connections } = await setup(t);
  const many = await connections(100);
  const [broken] = await connections(1);
  for (const socket of many) socket.write(requestOf('many'));
  broken!.write(`${requestOf('broken')}neither HTTP nor anything else\r\n\r\n`);
  await eventually(() => served.length === 100, 'the others are served');
  await eventually(() => broken!.closed, 'its connection is closed');
  t.false(served.some(({ client }) => client === 'broken'));
});

test('what comes after the waiting requests waits until these have started, also if others overtake them', async (t) => {
  const { served, connections, starts } = await setup(t);
  let isFree = false;
  starts.afterWaiting(() => (isFree = true));
  t.true(isFree, 'nothing waits');
  const many = await connections(100);
  const others = await connections(50);
  for (const socket of many) socket.write(requestOf('many'));
  while (served.length === 0) await nextTurn();
  const startedBefore = served.length;
  let startedAfter = 0;
  starts.afterWaiting(() => (startedAfter = served.length));
  for (const socket of others) socket.write(requestOf('others'));
  await eventually(() => served.length === 150, 'all are served');
  t.true(startedBefore < 50, `${startedBefore} had started`);
  t.true(startedAfter >= 90 && startedAfter <= 110, `${startedAfter} have started when it ended`);
});
