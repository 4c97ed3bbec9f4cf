import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { BodySource } from '#src/http/admission/body-source.ts';
import { createBodyMemory } from '#src/http/admission/bodies/body-memory.ts';
import { receive } from '#src/http/admission/receive.ts';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const nothing = (): void => {};

test('the memory of a refused compressed body is free at once, without a garbage collection', async (t) => {
  const grown: number[] = [];
  const refusals: unknown[] = [];
  const server = createServer((request, response) => {
    const before = process.memoryUsage().arrayBuffers;
    const options = {
      maxBytes: 64 * mebibyte,
      expansion: { freeBytes: 12 * mebibyte, maxRatio: 10 },
      open: () => ({
        arrived: nothing,
        awaited: nothing,
        unpack: async <T>(_: string, work: () => Promise<T>) => work(),
        keep: nothing,
        reserve: nothing,
        close: nothing,
        release: nothing,
      }),
      ask: nothing,
      onExpansion: nothing,
      onTinyChunks: nothing,
      read: async (source: BodySource) => once(source, 'end'),
    };
    receive(request, options).catch((error: unknown) => {
      refusals.push(error);
      grown.push(process.memoryUsage().arrayBuffers - before);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const bomb = gzipSync(Buffer.alloc(32 * mebibyte));
  for (let round = 0; round < 3; round += 1) {
    const { port } = server.address() as AddressInfo;
    const request = httpRequest({ port, method: 'POST', headers: { 'Content-Encoding': 'gzip' }, agent: false });
    request.end(bomb);
    const [answer] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    answer.resume();
    await once(answer, 'end');
  }
  for (const refusal of refusals) t.is((refusal as AppError).code, 'payload_too_large');
  t.is(grown.length, 3);
  for (const bytes of grown) t.true(bytes < 4 * mebibyte, `${bytes / mebibyte} MiB were kept`);
});

test('large bodies that have arrived and wait leave memory for small bodies of others', (t) => {
  let at = 0;
  const limit = 256 * mebibyte;
  const memory = createBodyMemory({
    limit,
    callerPercent: 50,
    minAmount: limit / 64,
    extra: limit / 8,
    extraPerCaller: 262_144,
    now: () => at,
  });
  const from = (clientIp: string) => memory.open({ key: `ip:${clientIp}`, clientIp }, () => {});
  /** A batch of 1,000 rows, five times a second. */
  const small = (): string => {
    const body = from('192.0.2.1');
    const refusal = body.take(36_000);
    at += 20;
    body.release();
    at += 180;
    return refusal ?? 'taken';
  };
  for (let count = 0; count < 100; count += 1) t.is(small(), 'taken');
  const arrive = (clientIp: string, bytes: number): void => {
    const body = from(clientIp);
    for (let left = bytes; left > 0; left -= 65_536) {
      if (body.take(Math.min(65_536, left)) !== undefined) return body.release();
    }
    body.settle();
  };
  for (const address of ['10.0.0.1', '10.0.0.1', '10.0.1.1']) arrive(address, 64 * mebibyte - 65_536);
  for (let network = 2; network < 20; network += 1) arrive(`10.0.${network}.1`, 4 * mebibyte);
  for (let network = 20; network < 50; network += 1) arrive(`10.0.${network}.1`, mebibyte / 4);
  t.true(memory.total() > limit - mebibyte, `${memory.total()} bytes`);
  for (let count = 0; count < 40; count += 1) t.is(small(), 'taken', `batch ${count}`);
  t.true(memory.total() <= limit + limit / 8);
});
