import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import test from 'ava';
import { createArrivalTimes } from '#src/http/server/arrival-times.ts';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { eventually } from '#testkit/eventually.ts';

test('a request whose connection is reset is forgotten at once, and not after the timeout', async (t) => {
  const collect = createCollectGarbage();
  const times = createArrivalTimes({ timeoutMs: 600_000, intervalMs: 600_000, isUsed: true, late: () => t.fail() });
  const requests: WeakRef<IncomingMessage>[] = [];
  const stop = function (this: ServerResponse): void {
    times.stop(this.req);
  };
  const server = createServer((request, response) => {
    requests.push(new WeakRef(request));
    response.on('close', stop);
    times.start(request);
  });
  t.teardown(() => {
    times.close();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab');
  await eventually(() => requests.length === 1, 'the request has begun');
  const isForgotten = (): boolean => {
    collect();
    return requests[0]?.deref() === undefined;
  };
  t.false(isForgotten());
  socket.resetAndDestroy();
  await eventually(isForgotten, 'nothing holds the request');
});
