import { createServer, IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { request } from 'undici';
import { createFairStarts } from '#src/kernel/connections/fair-starts.ts';
import { inOrder } from '#src/kernel/connections/pipeline.ts';
import { eventually } from '#testkit/eventually.ts';

const small = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const requestOf = (client: number): string => `GET / HTTP/1.1\r\nHost: a\r\nClient: ${client}\r\n\r\n`;

/** A server that answers nothing until `answer` is called. */
const setup = async (t: ExecutionContext, maxWaiting: number) => {
  let made = 0;
  let cut = 0;
  let abandoned = 0;
  let isAnswering = false;
  const unanswered: (() => void)[] = [];
  class Counted extends IncomingMessage {
    constructor(...given: ConstructorParameters<typeof IncomingMessage>) {
      super(...given);
      made += 1;
    }
  }
  const serve = inOrder(
    (_, response) => {
      if (isAnswering) response.end('x');
      else unanswered.push(() => response.end('x'));
    },
    {
      maxWaiting,
      onExcess: () => (cut += 1),
      onAbandoned: (requests) => (abandoned += requests),
      starts: createFairStarts({ clientOf: ({ headers }) => String(headers['client'] ?? 'one') }),
    },
  );
  const server = createServer({ IncomingMessage: Counted }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { readonly port: number };
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    return socket.resume();
  };
  return {
    open,
    /** Resolves when the connection is closed. */
    send: (text: string) =>
      new Promise<void>((resolve) => {
        const socket = open();
        socket.on('close', () => resolve());
        socket.write(text);
      }),
    answer: () => {
      isAnswering = true;
      for (const each of unanswered.splice(0)) each();
    },
    get: async () => (await request(`http://127.0.0.1:${port}`)).statusCode,
    made: () => made,
    cut: () => cut,
    abandoned: () => abandoned,
  };
};

test('of a piece of data with too many requests only those up to the limit are made', async (t) => {
  const { send, made, cut, answer, get } = await setup(t, 8);
  await Promise.all(Array.from({ length: 30 }, () => send(small.repeat(1_700))));
  t.is(cut(), 30);
  // One is served, eight wait, one is too many, and the parser stops at the next one.
  t.true(made() <= 30 * 11, `${made()} requests were made`);
  answer();
  t.is(await get(), 200, 'the parser of another connection is a new one');
});

test('requests whose connection is closed while they wait are not served, and are counted', async (t) => {
  const { open, made, abandoned, answer } = await setup(t, 100);
  const socket = open();
  socket.write(small.repeat(5));
  await eventually(() => made() === 5, 'the requests wait');
  socket.destroy();
  await eventually(() => abandoned() === 4, 'all but the one that is served are counted');

  answer();
  const reader = open();
  let received = '';
  reader.on('data', (bytes) => (received += String(bytes)));
  reader.write(small.repeat(3));
  await eventually(() => received.split('200 OK').length === 4, 'the requests of another connection are served');
  t.is(abandoned(), 4);
});

test('the waiting requests of all connections of a client are bounded together', async (t) => {
  const { send, made, cut, answer, get } = await setup(t, 100);
  const closed = Array.from({ length: 30 }, () => send(small.repeat(100)));
  await eventually(() => cut() >= 25, 'connections are cut');
  await eventually(() => made() >= 100 + 29, 'the connections are read');
  // One connection has 100 requests. Of each other one, one is served, one is too many, and the parser stops at the next. The
  // second connection has one more, which is free again when it is closed.
  t.true(made() <= 100 + 29 * 5, `${made()} requests were made`);
  answer();
  await Promise.race([Promise.all(closed), eventually(async () => (await get()) === 200, 'others are served')]);
});

test('a waiting request with many header fields counts as several', async (t) => {
  const { send, made, answer } = await setup(t, 60);
  const fields = Array.from({ length: 94 }, (_, number) => `X-${number}: y\r\n`).join('');
  await send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`.repeat(30));
  // 95 fields count as 6 requests. One is served, 10 wait, one is too many, and the parser stops at the next.
  t.is(made(), 13);
  answer();
});

test('the waiting requests of all clients are bounded together, and each client may have a few', async (t) => {
  const { send, made, cut, answer } = await setup(t, 100);
  for (let client = 0; client < 30; client += 1) void send(requestOf(client).repeat(100));
  await eventually(() => cut() === 28, 'connections are cut');
  // Of most clients one request is served, 24 wait, one is too many, and the parser stops at the next.
  t.true(made() <= 2 * 101 + 28 * 27 + 27, `${made()} requests were made`);
  const [madeBefore, cutBefore] = [made(), cut()];
  for (let client = 30; client < 40; client += 1) void send(requestOf(client).repeat(20));
  await eventually(() => made() === madeBefore + 10 * 20, 'the others are read');
  t.is(cut(), cutBefore, 'clients with few requests are left alone');
  answer();
});

test('few waiting requests of very many clients are bounded too', async (t) => {
  const { send, made, cut, answer } = await setup(t, 20);
  for (let client = 0; client < 60; client += 1) void send(requestOf(client).repeat(20));
  await eventually(() => cut() >= 40, 'connections are cut');
  // Eight connections have all their 20 requests. Each other one fills what is left, and frees it when it is cut.
  t.true(made() <= 8 * 20 + 52 * 12, `${made()} of 1200 requests were made`);
  answer();
});

test('while a client has many waiting requests, its connections are read one request at a time', async (t) => {
  const { send, open, made, cut, answer } = await setup(t, 100);
  // More than half of the max of a client wait.
  void send(small.repeat(60));
  await eventually(() => made() === 60, 'they wait');
  const socket = open();
  socket.write(small);
  await eventually(() => made() === 61, 'it is served');
  socket.write(small);
  await eventually(() => made() === 62, 'it waits');
  socket.write(small.repeat(10));
  // What another client sends later is read, so the others would have been read before it.
  void send(requestOf(1));
  await eventually(() => made() > 62, 'the other client is read');
  t.is(made(), 63, 'the others are not read');
  answer();
  await eventually(() => made() === 73, 'they are read when the earlier ones are answered');
  t.is(cut(), 0);
});
