import { createServer, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { request } from 'undici';
import { inOrder } from '#src/kernel/connections/pipeline.ts';
import { eventually } from '#testkit/eventually.ts';

const small = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server that answers nothing until `answer` is called. */
const setup = async (t: ExecutionContext, maxWaiting: number) => {
  let made = 0;
  let cut = 0;
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
    { maxWaiting, onExcess: () => (cut += 1) },
  );
  const server = createServer({ IncomingMessage: Counted }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { readonly port: number };
  return {
    /** Resolves when the connection is closed. */
    send: (text: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1').on('error', () => {});
        t.teardown(() => socket.destroy());
        socket.on('close', () => resolve()).resume();
        socket.write(text);
      }),
    answer: () => {
      isAnswering = true;
      for (const each of unanswered.splice(0)) each();
    },
    get: async () => (await request(`http://127.0.0.1:${port}`)).statusCode,
    made: () => made,
    cut: () => cut,
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

test('the waiting requests of all connections are bounded together', async (t) => {
  const { send, made, cut, answer } = await setup(t, 100);
  const closed = Array.from({ length: 30 }, () => send(small.repeat(100)));
  await eventually(() => made() >= 4 * 100 + 26 * 32, 'the connections are read');
  await Promise.race([Promise.all(closed), eventually(() => cut() >= 20, 'connections are cut')]);
  t.true(made() < 30 * 45, `${made()} requests were made`);
  answer();
});
