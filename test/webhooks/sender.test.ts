import test from 'ava';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { createSend, type SenderSettings } from '#src/webhooks/sender/send.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startNameServer } from './name-server.ts';
import { startReceiver, type ReceiverFault } from '#testkit/servers/webhook-receiver.ts';

const post = (url: string, settings: Partial<SenderSettings> = {}, signal = AbortSignal.timeout(20_000)) =>
  createSend({ timeoutMs: 700, privateAddresses: true, ...settings })({
    url,
    headers: { 'content-type': 'application/json', 'webhook-id': 'event-1' },
    body: '{"a":1}',
    signal,
  });

const timed = async <T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> => {
  const begun = performance.now();
  return { value: await work, ms: performance.now() - begun };
};

test('a message arrives as it is', async (t) => {
  const receiver = await startReceiver(t);
  t.is(await post(`${receiver.url}/hook?key=1`), 204);
  t.like(receiver.received, [{ path: '/hook?key=1', body: '{"a":1}', headers: { 'webhook-id': 'event-1' } }]);
});

const statuses: readonly [ReceiverFault, number][] = [
  [500, 500],
  [410, 410],
  [429, 429],
  ['redirect', 302],
];
test('every status of the receiver is returned, and redirects are not followed', async (t) => {
  const receiver = await startReceiver(t);
  for (const [fault, status] of statuses) {
    receiver.fault = fault;
    t.is(await post(receiver.url), status);
  }
  t.is(receiver.received.length, statuses.length);
});

const faults: readonly [ReceiverFault, string][] = [
  ['hang', 'external_api_timeout'],
  ['drip', 'external_api_timeout'],
  ['reset', 'external_api_unavailable'],
  ['huge_headers', 'external_api_unavailable'],
];
for (const [fault, code] of faults) {
  test(`a receiver with the fault ${fault} is given up in time`, async (t) => {
    const receiver = await startReceiver(t);
    receiver.fault = fault;
    const { value, ms } = await timed(post(receiver.url).then(String, codeOf));
    t.is(value, code);
    t.true(ms < 2_000, `${ms} ms`);
  });
}

test('a body without an end does not matter once the status is there', async (t) => {
  const receiver = await startReceiver(t);
  for (const fault of ['drip_body', 'huge'] as const) {
    receiver.fault = fault;
    const { value, ms } = await timed(post(receiver.url));
    t.is(value, 200);
    t.true(ms < 1_500, `${fault}: ${ms} ms`);
  }
  t.true(receiver.written() < 16 * 2 ** 20, `${receiver.written()} bytes`);
});

test('a refused connection is external_api_unavailable, and a stop of the service ends a request', async (t) => {
  const closed = await t.throwsAsync(post(`http://127.0.0.1:${await freePort()}`));
  t.is(codeOf(closed), 'external_api_unavailable');
  t.is(closed?.message, 'The receiver cannot be reached');
  const receiver = await startReceiver(t);
  receiver.fault = 'hang';
  const stop = new AbortController();
  // The stop comes while the receiver does not answer.
  setTimeout(() => stop.abort(new AppError('shutting_down')), 50);
  t.is(await post(receiver.url, {}, stop.signal).then(String, codeOf), 'shutting_down');
});

test('private addresses are refused where they are connected to, by address and by name', async (t) => {
  const receiver = await startReceiver(t);
  const port = new URL(receiver.url).port;
  const resolver = await startNameServer(t, ['127.0.0.1']);
  for (const host of ['127.0.0.1', '127.1', '[::1]', 'hooks.example', '169.254.169.254', '[::ffff:127.0.0.1]']) {
    const error = await t.throwsAsync(post(`http://${host}:${port}/`, { privateAddresses: false, resolver }));
    t.is(codeOf(error), 'external_api_unavailable', host);
    t.is(error?.message, 'The receiver has an address that is not public', host);
  }
  const local = await t.throwsAsync(post(`http://localhost:${port}/`, { privateAddresses: false }));
  t.is(codeOf(local), 'external_api_unavailable');
  t.is(receiver.connections(), 0);
});

test('a stored webhook with a port of another protocol is not connected to', async (t) => {
  const error = await t.throwsAsync(post('http://127.0.0.1:25/'));
  t.is(codeOf(error), 'external_api_unavailable');
  t.is(error?.message, 'The receiver has a port of another protocol');
});

test('a name server that is silent costs no more than the deadline', async (t) => {
  const resolver = await startNameServer(t, undefined);
  const sent = post('http://hooks.example/', { privateAddresses: false, resolver });
  const { value, ms } = await timed(sent.then(String, codeOf));
  t.is(value, 'external_api_timeout');
  t.true(ms < 2_000, `${ms} ms`);
});
