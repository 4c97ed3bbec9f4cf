import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { each } from '#load/attack/each.ts';
import type { Field } from '#load/attack/attack.ts';
import { rawRequest, type RawRequest } from '#load/attack/raw-request.ts';
import { createTally } from '#load/attack/tally.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';

const listen = async (t: ExecutionContext, answer: (socket: Socket, head: string) => void): Promise<number> => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    let head = '';
    socket.on('data', (chunk) => {
      const had = head.includes('\r\n\r\n');
      head += chunk.toString('latin1');
      if (!had && head.includes('\r\n\r\n')) answer(socket, head);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};

const request = (port: number, more: Partial<RawRequest> = {}): RawRequest => ({
  port,
  address: '198.18.0.1',
  method: 'POST',
  path: '/x',
  signal: new AbortController().signal,
  ...more,
});

test('the outcome of a whole answer is its status, and the head is as asked', async (t) => {
  let seen = '';
  const port = await listen(t, (socket, head) => {
    seen = head;
    socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
  });
  t.is(await rawRequest(request(port, { body: Buffer.from('abc'), announcedBytes: 10 })), 413);
  t.regex(seen, /^POST \/x HTTP\/1\.1\r\n/);
  t.regex(seen, /X-Forwarded-For: 198\.18\.0\.1\r\n/);
  t.regex(seen, /Content-Length: 10\r\n/);
});

test('an answer that is cut, or none at all, is told apart from one that is whole', async (t) => {
  const half = await listen(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'));
  const none = await listen(t, (socket) => socket.destroy());
  t.is(await rawRequest(request(half)), 'cut');
  t.is(await rawRequest(request(none)), 'cut');
  t.is(await rawRequest(request(await freePort())), 'no connection');
});

test('a connection that stays open is held, by its own timeout or by the end of the attack', async (t) => {
  let requests = 0;
  const port = await listen(t, () => void (requests += 1));
  t.is(await rawRequest(request(port, { timeoutMs: 50 })), 'held');
  const ending = new AbortController();
  const result = rawRequest(request(port, { signal: ending.signal }));
  await eventually(() => requests === 2, 'the request arrives');
  ending.abort();
  t.is(await result, 'held');
});

test('a client that does not read sees whether its answer was cut meanwhile', async (t) => {
  const large = Buffer.alloc(64 * 1_048_576);
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${large.byteLength}\r\n\r\n`;
  const kept = await listen(t, (socket) => {
    socket.write(head);
    socket.end(large);
  });
  const cut = await listen(t, (socket) => {
    socket.write(head);
    socket.write(large);
    // The connection is cut while the client does not read, which lasts 200 ms.
    setTimeout(() => socket.destroy(), 50);
  });
  t.is(await rawRequest(request(kept, { unreadMs: 200 })), 'held');
  t.is(await rawRequest(request(cut, { unreadMs: 200 })), 'cut');
});

test('an attack sends all its requests, at most `parallel` at a time, from all its addresses', async (t) => {
  const signal = new AbortController().signal;
  const tally = createTally();
  const field = {
    addresses: ['a', 'b', 'c'],
    requests: 30,
    spreadMs: 0,
    begin: () => {},
    signal,
    tally,
  } as unknown as Field;
  let [open, max] = [0, 0];
  const order: string[] = [];
  await each(field, { parallel: 4, grouped: true }, async (_, address) => {
    order.push(address);
    open += 1;
    max = Math.max(max, open);
    // The duration of the request: without it no two requests would be in progress together.
    await sleep(1);
    open -= 1;
    return 200;
  });
  t.is(max, 4);
  t.is(tally.count(200), 30);
  t.is(order.join(''), 'a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10));
});

test('nothing starts after the end of the attack', async (t) => {
  const ending = new AbortController();
  const tally = createTally();
  const begin = (): void => {};
  const field = {
    addresses: ['a'],
    requests: 100,
    spreadMs: 10_000,
    begin,
    signal: ending.signal,
    tally,
  } as unknown as Field;
  // The attack would last 10 s and is ended soon after its start.
  setTimeout(() => ending.abort(), 50);
  await each(field, { parallel: 2 }, async () => 200);
  t.true(tally.total() < 10);
});
