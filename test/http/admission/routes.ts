import { z } from 'zod';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';

const common = { tag: 'test', summary: 'For tests', auth: 'public', rateLimit: 'none', errors: [] } as const;
const size = z.strictObject({ bytes: z.number() });

/** Routes that answer how large their body was, after `work`. */
export const bodyRoutes = (work: () => Promise<void> = async () => {}): Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/pricing/batch',
    load: 'batch',
    bodyLimit: 'batch',
    rawBody: true,
    request: { body: z.instanceof(ByteBlocks) },
    responses: { 200: size },
    handler: async ({ body }) => {
      await work();
      return { status: 200, body: { bytes: body.byteLength } };
    },
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/pricing/price',
    load: 'pricing',
    request: { body: z.looseObject({}) },
    responses: { 200: size },
    handler: async ({ body }) => {
      await work();
      return { status: 200, body: { bytes: JSON.stringify(body).length } };
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/plain',
    load: 'read',
    request: {},
    responses: { 200: z.strictObject({}) },
    handler: async () => ({ status: 200, body: {} }),
  }),
];

export const post = (path: string, headers: Readonly<Record<string, string>>, body = ''): string => {
  const all = { Host: 'a', 'Content-Type': 'application/json', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /api/v1${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
};

/** The head of a request whose body of that many bytes is still to come. */
export const idle = (path: string, bytes = 1_000): string => post(path, { 'Content-Length': String(bytes) });

/** A piece of a body with `Transfer-Encoding: chunked`. */
export const chunkOf = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
