import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { z } from 'zod';
import { bodyStream } from '#src/kernel/body-stream.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve } from '../../support.ts';
import { bodyRoutes } from '../routes.ts';

/** A route that reads its body while it arrives. */
const streamed = defineRoute({
  method: 'POST',
  path: '/files',
  tag: 'test',
  summary: 'For tests',
  auth: 'public',
  rateLimit: 'none',
  load: 'write',
  streamBody: true,
  consumes: ['text/csv'],
  request: { body: bodyStream },
  responses: { 200: z.strictObject({ bytes: z.number() }) },
  errors: [],
  handler: async ({ body }) => ({
    status: 200 as const,
    body: await body.read(async ({ pieces }) => {
      let bytes = 0;
      for await (const piece of pieces) bytes += piece.length;
      return { bytes };
    }),
  }),
});
const kinds = [
  ['/pricing/price', 'application/json', '{"a":1}'],
  ['/pricing/batch', 'application/json', '[1,2,3]'],
  ['/files', 'text/csv', 'a,b\n1,2\n'],
] as const;
const compressions = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync };

for (const [encoding, compress] of Object.entries(compressions)) {
  test(`bytes after the end of a ${encoding} body are refused, with a read and with a streamed body`, async (t) => {
    const { call } = await serve(t, {
      routes: [...bodyRoutes(), streamed],
      limits: { bodyLimitBytes: 500_000, batchBodyLimitBytes: 500_000 },
    });
    for (const [path, type, text] of kinds) {
      const packed = compress(Buffer.from(text));
      const send = (...parts: readonly Uint8Array[]): Promise<Response> =>
        call(`/api/v1${path}`, {
          method: 'POST',
          headers: { 'Content-Type': type, 'Content-Encoding': encoding },
          body: new Uint8Array(Buffer.concat(parts)),
        });
      t.is((await send(packed)).status, 200, path);
      const large = compress(Buffer.concat([Buffer.from(text), Buffer.alloc(60_000, ' ')]));
      t.is((await send(large)).status, 200, `${path}, several pieces`);
      const refused = await send(packed, Buffer.from('garbage'));
      t.is(refused.status, 400, path);
      t.is(((await refused.json()) as { code: string }).code, 'malformed_body');
      t.is((await send(packed, Buffer.alloc(200_000, 'x'))).status, 400, `${path}, many bytes`);
      // Members of gzip are one body (RFC 1952), so only their text decides.
      if (encoding !== 'gzip') t.is((await send(packed, packed)).status, 400, `${path}, two streams`);
    }
  });
}
