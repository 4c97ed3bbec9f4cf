import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answersOf } from './sockets.ts';
import type { Attack, Field } from '../attack.ts';

/** A connection that is open, or was refused. */
const open = async (port: number, signal: AbortSignal): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
  await once(socket, 'connect', { signal }).catch(() => socket.destroy());
  return socket;
};

/**
 * Opens all connections, and then sends on all of them at once. So the service gets the bytes of all of them in one turn of its
 * event loop. Each connection sends `expected` requests.
 */
const burst = async (field: Field, bytesFor: (address: string) => string, expected: number): Promise<void> => {
  const { addresses, requests, port, signal, tally } = field;
  const sockets = await Promise.all(Array.from({ length: requests }, () => open(port, signal)));
  field.begin();
  const answers = sockets.map(async (socket, number) => {
    if (socket.destroyed) return tally.add('no connection');
    const address = addresses[Math.floor((number * addresses.length) / requests)]!;
    socket.write(bytesFor(address));
    for (const outcome of await answersOf(socket, expected, signal)) tally.add(outcome);
  });
  await Promise.all(answers);
};

/** With fewer connections, no limit is reached. */
const minConnections = 200;

const fieldsOfHead = 90;
const requestsOfConnection = 20;
const fields = Array.from({ length: fieldsOfHead }, (_, number) => `X-${number}: y\r\n`).join('');

/** The parse of such a head takes up to 0.1 ms, and a head that waits takes up to 30 KB of memory. */
export const largeHeads: Attack = {
  name: 'pipelines of large heads on many connections',
  minRequestsForRefusal: minConnections,
  run: (field) =>
    burst(
      field,
      (address) => {
        const head = (close: string): string =>
          `GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: ${address}\r\n${close}${fields}\r\n`;
        return head('').repeat(requestsOfConnection - 1) + head('Connection: close\r\n');
      },
      requestsOfConnection,
    ),
};

/** One connection may send them. Each chunk takes about 1 microsecond. */
const smallChunks = `11\r\n${' '.repeat(17)}\r\n`.repeat(2_800);

export const manySmallChunks: Attack = {
  name: 'small chunks on many connections',
  minRequestsForRefusal: minConnections,
  run: (field) =>
    burst(
      field,
      (address) =>
        'POST /api/v1/pricing/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
        `X-Forwarded-For: ${address}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${smallChunks}2\r\n{}\r\n0\r\n\r\n`,
      1,
    ),
};
