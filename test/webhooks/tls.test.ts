import type { AddressInfo } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { createSend } from '#src/webhooks/sender/send.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startKeyUpdates } from '#testkit/servers/tls/key-updates.ts';
import { trusted } from './trusted.ts';

const post = (url: string, timeoutMs = 5_000): Promise<number> =>
  createSend({ timeoutMs, privateAddresses: true })({
    url,
    headers: {},
    body: '{}',
    signal: new AbortController().signal,
  });

const startReceiver = async (t: ExecutionContext, settings: TlsOptions, onData: (socket: TLSSocket) => void) => {
  const faults: string[] = [];
  const server = createServer({ ...trusted(t), ...settings });
  server.on('secureConnection', (socket) => socket.once('data', () => onData(socket)).on('error', () => {}));
  server.on('tlsClientError', (error) => faults.push(error.message));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { faults, post: () => post(url) };
};

const answer = (socket: TLSSocket): void => void socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');

test.serial('messages arrive by TLS 1.2 and 1.3', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { post } = await startReceiver(t, { minVersion: version, maxVersion: version }, answer);
    t.is(await post(), 204, version);
  }
});

test.serial('a receiver cannot choose the parameters of Diffie-Hellman', async (t) => {
  for (const settings of [
    { maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256', dhparam: 'auto' },
    { minVersion: 'TLSv1.3', ecdhCurve: 'ffdhe8192' },
  ] as const) {
    const { faults, post } = await startReceiver(t, settings, answer);
    t.is(await post().catch(codeOf), 'external_api_unavailable');
    t.regex(faults.join(), /no shared cipher|no suitable key share/i);
  }
});

test.serial('a receiver cannot repeat the handshake', async (t) => {
  let repeated: Error | null | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  const settings: TlsOptions = { maxVersion: 'TLSv1.2' };
  const { post } = await startReceiver(t, settings, (socket) => {
    socket.renegotiate({}, (error) => {
      repeated = error;
      resolve();
    });
    socket.on('close', () => resolve());
  });
  await Promise.all([post().catch(() => {}), promise]);
  t.not(repeated, null, 'the handshake was not repeated');
});

test.serial('a receiver that updates its key without end is given up', async (t) => {
  const { url, sentBytes } = await startKeyUpdates(t, trusted(t));
  t.is(await post(url, 30_000).catch(codeOf), 'external_api_unavailable');
  t.true(sentBytes() > 200_000, `${sentBytes()} bytes were taken`);
  t.true(sentBytes() < 50_000_000, `${sentBytes()} bytes were taken`);
});

test.serial('a receiver without a listener is external_api_unavailable', async (t) => {
  t.is(await post(`https://127.0.0.1:${await freePort()}/`).catch(codeOf), 'external_api_unavailable');
});
