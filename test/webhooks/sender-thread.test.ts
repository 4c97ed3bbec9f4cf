import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { runInTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { createSender } from '#src/webhooks/sender/sender.ts';
import { eventually } from '#testkit/eventually.ts';
import { longChain } from '#testkit/servers/tls/long-chain.ts';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';

const setup = (t: ExecutionContext, privateAddresses = true) => {
  const sender = createSender({ timeoutMs: 2_000, privateAddresses, logger });
  t.teardown(sender.close);
  const post = (url: string, signal = new AbortController().signal): Promise<number> =>
    sender.send({ url, headers: { 'webhook-id': 'event-1' }, body: '{"a":1}', signal });
  return { post, close: sender.close };
};

test.serial('the thread sends messages and tells their outcome', async (t) => {
  const { post } = setup(t);
  const receiver = await startReceiver(t);
  t.is(await post(`${receiver.url}/hook`), 204);
  t.like(receiver.received, [{ path: '/hook', body: '{"a":1}', headers: { 'webhook-id': 'event-1' } }]);
  receiver.fault = 410;
  t.is(await post(receiver.url), 410);
  receiver.fault = 'hang';
  t.is(await post(receiver.url).catch(codeOf), 'external_api_timeout');
  const refused = await t.throwsAsync(setup(t, false).post(receiver.url), { instanceOf: AppError });
  t.like(refused, { code: 'external_api_unavailable', message: 'The receiver has an address that is not public' });
});

test.serial('a message that is not wanted any more ends with its reason, and its connection too', async (t) => {
  const { post } = setup(t);
  const receiver = await startReceiver(t);
  receiver.fault = 'hang';
  const stop = new AbortController();
  const sent = post(receiver.url, stop.signal);
  await eventually(() => receiver.received.length === 1, 'the message has arrived');
  stop.abort(new AppError('shutting_down'));
  t.is(await sent.then(String, codeOf), 'shutting_down');
  t.is(await post(receiver.url, stop.signal).then(String, codeOf), 'shutting_down', 'it is not sent');
  t.is(receiver.received.length, 1);
});

test.serial('messages of a thread that ends fail, and the next one starts another thread', async (t) => {
  const { post, close } = setup(t);
  const receiver = await startReceiver(t);
  receiver.fault = 'hang';
  const sent = post(receiver.url);
  await eventually(() => receiver.received.length === 1, 'the message has arrived');
  await Promise.all([close(), t.throwsAsync(sent, { code: 'external_api_unavailable' })]);
  receiver.fault = undefined;
  t.is(await post(receiver.url), 204);
});

test.serial('nothing is sent from inside a transaction', async (t) => {
  const { post } = setup(t);
  const transaction = { em: undefined as never, query: async () => [], copyIn: async () => 0, beforeCommit: () => {} };
  await t.throwsAsync(
    runInTransaction(transaction, () => post('http://127.0.0.1:1')),
    { message: /inside a transaction/ },
  );
});

test.serial('the thread leaves the pipes of the process as they are', async (t) => {
  const program = fileURLToPath(import.meta.resolve('./fixtures/sending-program.ts'));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [before, after] = JSON.parse(said) as [string, string];
  t.is(after, before, errors);
});

test.serial('the event loop of the service calculates nothing of a handshake', async (t) => {
  const { post } = setup(t);
  const server = createServer(longChain(70)).on('tlsClientError', () => {});
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // The first message starts the thread.
  await post('http://127.0.0.1:1').catch(() => {});
  const [own, all] = [process.threadCpuUsage(), process.cpuUsage()];
  t.is(await post(url).catch(codeOf), 'external_api_unavailable');
  const [ownMs, allMs] = [process.threadCpuUsage(own).user / 1_000, process.cpuUsage(all).user / 1_000];
  t.true(allMs > 100, `${allMs} ms of the process`);
  t.true(ownMs < allMs / 3, `${ownMs} of ${allMs} ms`);
});
