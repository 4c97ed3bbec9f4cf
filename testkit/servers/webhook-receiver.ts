import { webcrypto } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the next answers go wrong; a number is a status. */
export type ReceiverFault = number | 'hang' | 'reset' | 'redirect' | 'drip' | 'drip_body' | 'huge' | 'huge_headers';

export type Received = { readonly path: string; readonly headers: Record<string, string>; readonly body: string };

export type Receiver = {
  readonly url: string;
  readonly received: readonly Received[];
  /** Connections that were opened, whatever came over them. */
  readonly connections: () => number;
  /** Bytes of answers that were taken, all together. */
  readonly written: () => number;
  fault: ReceiverFault | undefined;
};

const answer = (fault: ReceiverFault | undefined, response: ServerResponse, count: (bytes: number) => void): void => {
  if (fault === undefined) return void response.writeHead(204).end();
  if (typeof fault === 'number') return void response.writeHead(fault).end('no');
  if (fault === 'hang') return;
  if (fault === 'reset') return void response.socket?.resetAndDestroy();
  if (fault === 'redirect') return void response.writeHead(302, { Location: '/elsewhere' }).end();
  if (fault === 'drip') {
    response.socket?.write('HTTP/1.1 200 OK\r\nx: ');
    const timer = setInterval(() => response.socket?.write('.'), 20);
    response.socket?.once('close', () => clearInterval(timer));
    return;
  }
  if (fault === 'huge_headers') {
    return void response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(200_000)}\r\n\r\n`);
  }
  response.writeHead(200);
  if (fault === 'drip_body') {
    const timer = setInterval(() => response.write('.'), 20);
    response.once('close', () => clearInterval(timer));
    return;
  }
  const chunk = Buffer.alloc(65_536);
  const more = (): void => {
    while (!response.destroyed) {
      count(chunk.length);
      if (!response.write(chunk)) return void response.once('drain', more);
    }
  };
  more();
};

/** The server of a webhook's owner. It keeps the requests that it received, and a test can make it fail. */
export const startReceiver = async (t: { readonly teardown: (end: () => unknown) => void }): Promise<Receiver> => {
  const received: Received[] = [];
  let written = 0;
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => {
      const headers = request.headers as Record<string, string>;
      received.push({ path: request.url ?? '', headers, body: Buffer.concat(chunks).toString() });
      answer(receiver.fault, response, (bytes) => (written += bytes));
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    written: () => written,
    fault: undefined,
  };
  return receiver;
};

const tolerance = 5 * 60;
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));

/**
 * What a receiver does, written from the specification of Standard Webhooks, without code of the service: the time is near,
 * and one of the listed v1 signatures is the HMAC-SHA256 of `id.timestamp.body` under the secret.
 */
export const isVerified = async ({ headers, body }: Received, secret: string): Promise<boolean> => {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
    (name) => headers[name] ?? '',
  );
  if (!secret.startsWith('whsec_') || !/^\d+$/.test(timestamp!)) return false;
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > tolerance) return false;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await webcrypto.subtle.importKey('raw', fromBase64(secret.slice(6)), algorithm, false, ['verify']);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  for (const each of signatures!.split(' ')) {
    const [version, value = ''] = each.split(',');
    if (version === 'v1' && (await webcrypto.subtle.verify('HMAC', key, fromBase64(value), signed))) return true;
  }
  return false;
};
