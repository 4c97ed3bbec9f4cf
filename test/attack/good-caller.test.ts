import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { startGoodCaller } from '#load/attack/good-caller.ts';
import { eventually } from '#testkit/eventually.ts';
import { callerFigures } from '#load/attack/result.ts';

const person = { id: 'p', email: 'p@example.com', password: 'secret', address: '198.51.0.1', token: 'old' };

/** The caller of a service that answers with what `answer` returns; a request without an answer stays open. */
const startFor = async (t: ExecutionContext, answer: (request: IncomingMessage) => object | undefined) => {
  const server = createServer((request, response) => {
    request.resume();
    const body = answer(request);
    if (body !== undefined) response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const caller = startGoodCaller(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, [person]);
  t.teardown(caller.close);
  return caller;
};

test('a good caller signs in, and then uses the new token', async (t) => {
  const tokens: string[] = [];
  const caller = await startFor(t, ({ headers }) => {
    if (headers.authorization !== undefined) tokens.push(headers.authorization);
    return { access_token: 'new' };
  });
  const samples = await caller.during(() => eventually(() => tokens.length >= 5, 'a read after the sign-in', 60_000));
  t.deepEqual(tokens.slice(0, 5), [...Array.from({ length: 4 }, () => 'Bearer old'), 'Bearer new']);
  t.is(callerFigures(samples).accountShare, 1);
});

test('a good caller counts what is answered, and what is not', async (t) => {
  const requests = { singles: 0, batches: 0, account: 0 };
  const caller = await startFor(t, ({ url = '' }) => {
    const isSingle = url.endsWith('/price');
    requests[isSingle ? 'singles' : url.endsWith('/batch') ? 'batches' : 'account'] += 1;
    return isSingle ? {} : undefined;
  });
  const samples = await caller.during(() =>
    eventually(
      () => requests.singles >= 5 && requests.batches >= 1 && requests.account >= 1,
      'five single prices, a batch and a read',
      60_000,
    ),
  );
  const { singles, singlesShare, batches, batchesShare, accountShare } = callerFigures(samples);
  t.true(singles >= 5);
  t.is(singlesShare, 1);
  t.true(batches >= 1);
  t.is(batchesShare, 0);
  t.is(accountShare, 0);
});
