import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { createConnectionLimit } from '#src/http/admission/connection-limit.ts';
import { createIsTrustedProxy } from '#src/http/server/client-ip.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const start = async (
  t: { readonly teardown: (end: () => unknown) => void },
  trustedProxies: readonly string[],
  maxByAddress = 3,
) => {
  const metrics = recordMetrics();
  const isTrustedProxy = createIsTrustedProxy(trustedProxies);
  const limit = createConnectionLimit({
    maxByAddress,
    isTrustedProxy,
    metrics,
    clock: systemClock,
    logger: silentLogger,
  });
  const server = createServer().on('connection', limit.admit).on('drop', limit.dropped);
  server.maxConnections = 6;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  /** @returns whether the server keeps the connection open */
  const open = async (localAddress: string): Promise<{ readonly socket: Socket; readonly kept: boolean }> => {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress });
    sockets.push(socket.on('error', () => {}));
    await once(socket, 'connect');
    const closed = once(socket, 'close').then(() => false);
    // A refused connection is closed at once, so it is kept if nothing happens for 200 ms.
    const open_ = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 200));
    return { socket, kept: await Promise.race([closed, open_]) };
  };
  return { open, metrics };
};

test('connections of one address beyond its limit are closed at once, until one of them ends', async (t) => {
  const { open, metrics } = await start(t, []);
  const first = await open('127.0.0.2');
  t.true(first.kept && (await open('127.0.0.2')).kept && (await open('127.0.0.2')).kept);
  t.false((await open('127.0.0.2')).kept);
  t.true((await open('127.0.0.3')).kept, 'another address has its own limit');
  first.socket.destroy();
  await once(first.socket, 'close');
  t.true((await open('127.0.0.2')).kept);
  t.is(metrics.value('volwatch_http_connections_refused_total', { reason: 'address' }), 1);
});

test('a site with many addresses has twice the limit of an address', async (t) => {
  const { open, metrics } = await start(t, [], 2);
  for (const [address, kept] of [
    ['127.0.7.1', true],
    ['127.0.7.1', true],
    ['127.0.7.2', true],
    ['127.0.7.3', true],
    ['127.0.7.4', false],
    ['127.0.8.1', true],
  ] as const) {
    t.is((await open(address)).kept, kept, address);
  }
  t.is(metrics.value('volwatch_http_connections_refused_total', { reason: 'site' }), 1);
});

test('a trusted proxy has no limit of its own, only that of all connections', async (t) => {
  const { open, metrics } = await start(t, ['127.0.0.0/8']);
  for (let count = 0; count < 6; count += 1) t.true((await open('127.0.0.2')).kept);
  t.false((await open('127.0.0.2')).kept);
  t.is(metrics.value('volwatch_http_connections_refused_total', { reason: 'total' }), 1);
});

test('a connection that the system could not accept is counted and logged', (t) => {
  const metrics = recordMetrics();
  const lines: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: unknown) => void lines.push(fields) };
  const limit = createConnectionLimit({
    maxByAddress: 3,
    isTrustedProxy: () => false,
    metrics,
    clock: systemClock,
    logger,
  });
  t.is(metrics.value('volwatch_http_connections_refused_total', { reason: 'accept' }), 0);
  const error = Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' });
  for (let count = 0; count < 100; count += 1) limit.failed(error);
  t.is(metrics.value('volwatch_http_connections_refused_total', { reason: 'accept' }), 100);
  t.is(lines.length, 30);
});
