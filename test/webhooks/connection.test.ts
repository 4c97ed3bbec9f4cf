import { createServer as createTcpServer, type AddressInfo, type LookupFunction } from 'node:net';
import { createServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'undici';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { createConnect } from '#src/webhooks/sender/connection.ts';
import { createSend } from '#src/webhooks/sender/send.ts';
import { trusted } from './trusted.ts';

const listen = async (t: ExecutionContext, server: ReturnType<typeof createTcpServer>): Promise<number> => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};

/** Resolves each name to these addresses, in this order. */
const lookupOf =
  (...addresses: readonly string[]): LookupFunction =>
  (_, __, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

test.serial('a receiver is reached by another address when the first ones refuse', async (t) => {
  const server = createServer(trusted(t, 'DNS:hooks.example'), (socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n'));
  });
  const port = await listen(t, server);
  for (const addresses of [['127.0.0.1'], ['127.0.0.2', '127.0.0.1'], ['127.0.0.2', '::1', '127.0.0.3', '127.0.0.1']]) {
    const signal = AbortSignal.timeout(10_000);
    const connect = createConnect({ timeoutMs: 5_000, lookup: lookupOf(...addresses), signal });
    const client = new Client(`https://hooks.example:${port}`, { connect });
    const { statusCode } = await client.request({ method: 'POST', path: '/', body: '{}', signal });
    t.is(statusCode, 204, addresses.join(' '));
    await client.destroy();
  }
});

for (const [name, serve] of [
  ['that is silent in the handshake', () => {}],
  ['that closes in the handshake', (socket: { readonly end: () => void }) => socket.end()],
] as const) {
  test.serial(`a receiver ${name} is given up in time`, async (t) => {
    const port = await listen(t, createTcpServer(serve));
    const post = (signal: AbortSignal): Promise<unknown> =>
      createSend({ timeoutMs: 600, privateAddresses: true })({
        url: `https://127.0.0.1:${port}/`,
        headers: {},
        body: '{}',
        signal,
      }).catch(codeOf);
    const begun = performance.now();
    const code = await post(new AbortController().signal);
    t.true(['external_api_timeout', 'external_api_unavailable'].includes(String(code)), String(code));
    await post(AbortSignal.timeout(100));
    t.true(performance.now() - begun < 5_000);
  });
}
