import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { BodySource } from '#src/http/admission/body-source.ts';
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
