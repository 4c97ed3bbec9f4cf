import { createCipheriv, createHmac } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';

type Secrets = { readonly cert: string | Buffer; readonly key: string | Buffer };

const applicationData = 23;
const handshake = 22;
/** A message that the sender uses its next key from now on (RFC 8446, section 4.6.3); no answer is wanted. */
const keyUpdate = Buffer.from([24, 0, 0, 1, 0]);

const expand = (secret: Buffer, label: string, bytes: number): Buffer => {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, bytes, name.length]), name, Buffer.from([0, 1])]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, bytes);
};

/** Writes records of TLS 1.3 with AES-128-GCM (RFC 8446, section 5.2). @param sent records that were sent with this secret */
const createRecords = (secret: Buffer, sent: number) => {
  let [current, sequence] = [secret, sent];
  return (type: number, content: Buffer): Buffer => {
    const nonce = expand(current, 'iv', 12);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ BigInt(sequence), 4);
    const head = Buffer.from([applicationData, 3, 3, 0, 0]);
    head.writeUInt16BE(content.length + 17, 3);
    const cipher = createCipheriv('aes-128-gcm', expand(current, 'key', 16), nonce).setAAD(head);
    const parts = [head, cipher.update(Buffer.concat([content, Buffer.from([type])])), cipher.final()];
    sequence += 1;
    if (content === keyUpdate) [current, sequence] = [expand(current, 'traffic upd', 32), 0];
    return Buffer.concat([...parts, cipher.getAuthTag()]);
  };
};

const recordsIn = (bytes: Buffer): number => {
  let count = 0;
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] === applicationData) count += 1;
  }
  return count;
};

/** A receiver that answers a request with updates of its key, as long as the client takes them. `sentBytes`: how many it took. */
export const startKeyUpdates = async (t: Pick<ExecutionContext, 'teardown'>, { cert, key }: Secrets) => {
  const secureContext = createSecureContext({ cert, key, ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3' });
  let sentBytes = 0;
  const serve = (socket: Socket): void => {
    let secret: Buffer | undefined;
    let [sent, flights] = [0, 0];
    const inner = new Duplex({
      read: () => {},
      write: (bytes: Buffer, _, done) => {
        sent += recordsIn(bytes);
        socket.write(bytes, () => done());
      },
    });
    socket
      .on('data', (bytes: Buffer) => {
        flights += 1;
        // The records before the Finished of the client have the keys of the handshake.
        if (flights === 2) sent = 0;
        inner.push(bytes);
      })
      .on('error', () => {});
    const secure = new TLSSocket(inner, { isServer: true, secureContext });
    secure
      .on('error', () => {})
      .on('keylog', (line: Buffer) => {
        const [label, , hex = ''] = line.toString().trim().split(' ');
        if (label === 'SERVER_TRAFFIC_SECRET_0') secret = Buffer.from(hex, 'hex');
      });
    secure.once('data', () => {
      const recordOf = createRecords(secret!, sent);
      const send = (): void => {
        if (socket.destroyed) return;
        const some = Buffer.concat(Array.from({ length: 500 }, () => recordOf(handshake, keyUpdate)));
        socket.write(some, () => {
          sentBytes += some.length;
          setImmediate(send);
        });
      };
      send();
    });
  };
  const server = createServer({ noDelay: true }, serve);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`, sentBytes: () => sentBytes };
};
