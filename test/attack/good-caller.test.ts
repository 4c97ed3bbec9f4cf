import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { startGoodCaller } from '#load/attack/good-caller.ts';
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
  const url = await serve(t, (path) => path.endsWith('/price'));
  const caller = startGoodCaller(url);
  t.teardown(caller.close);
  // The duration of the measurement. The caller sends several single prices and at least one batch in it.
  const samples = await caller.during(() => sleep(3_000));
  const { singles, singlesShare, batches, batchesShare } = callerFigures(samples);
  t.true(singles >= 5);
  t.is(singlesShare, 1);
  t.true(batches >= 1);
  t.is(batchesShare, 0);
});
