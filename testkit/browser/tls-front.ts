import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Teardown } from '#testkit/running-service.ts';
import type { Authority } from '#testkit/servers/tls/certificates.ts';

/**
 * Ends TLS in front of a server on loopback, as a proxy of a deployment does. The bytes of HTTP are not changed, so the
 * server sees the headers of the browser.
 * @param target is read for each connection, because a service may get its port later than this front
 * @returns the port
 */
export const startTlsFront = async (
  t: Teardown,
  { authority, name, target }: { readonly authority: Authority; readonly name: string; readonly target: () => string },
): Promise<number> => {
  const { certificateFile, keyFile } = authority.issue(name, `DNS:${name}`);
  const server = createServer({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) }, (secure) => {
    const { hostname, port } = new URL(target());
    const plain = connect({ host: hostname, port: Number(port) });
    const end = (): void => {
      secure.destroy();
      plain.destroy();
    };
    secure.on('error', end).on('close', end);
    plain.on('error', end).on('close', end);
    secure.pipe(plain).pipe(secure);
  });
  // A browser ends connections in the middle of a handshake.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};
