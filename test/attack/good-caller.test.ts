import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { startGoodCaller } from '#load/attack/good-caller.ts';
import { eventually } from '#testkit/eventually.ts';
import { callerFigures } from '#load/attack/result.ts';

/** A service that answers what `answers` says; a request that it does not answer stays open. */
const serve = async (t: ExecutionContext, answers: (path: string) => boolean): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume();
    if (answers(request.url ?? '')) response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test('a good caller counts what is answered, and what is not', async (t) => {
  const requests = { singles: 0, batches: 0 };
  const url = await serve(t, (path) => {
    const isSingle = path.endsWith('/price');
    requests[isSingle ? 'singles' : 'batches'] += 1;
    return isSingle;
  });
  const caller = startGoodCaller(url);
  t.teardown(caller.close);
  const samples = await caller.during(() =>
    eventually(() => requests.singles >= 5 && requests.batches >= 1, 'five single prices and a batch', 60_000),
  );
  const { singles, singlesShare, batches, batchesShare } = callerFigures(samples);
  t.true(singles >= 5);
  t.is(singlesShare, 1);
  t.true(batches >= 1);
  t.is(batchesShare, 0);
});
