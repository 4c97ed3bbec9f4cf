import { createHash } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { bodyStream } from '#src/kernel/body-stream.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { serve, type Setup } from '../../support.ts';

export const path = '/api/v1/files';
const common = { tag: 'test', summary: 'For tests', auth: 'public', rateLimit: 'none', errors: [] } as const;

/** A route that answers the media type, the size and the digest of its file. */
export const setup = (
  t: ExecutionContext,
  options: Partial<Setup> & {
    beforeRead?: (signal: AbortSignal) => Promise<void>;
    onPiece?: (size: number) => Promise<void>;
  } = {},
) => {
  const { beforeRead = async () => {}, onPiece = async () => {}, ...rest } = options;
  const seen = { bytes: 0, failed: '' };
  const route = defineRoute({
    ...common,
    method: 'POST',
    path: '/files',
    load: 'write',
    streamBody: true,
    consumes: ['text/csv', 'multipart/form-data'],
    request: { body: bodyStream },
    responses: { 200: z.strictObject({ type: z.string(), bytes: z.number(), digest: z.string() }) },
    handler: async ({ body }) => {
      const read = body.read(async ({ mediaType, pieces, signal }) => {
        const hash = createHash('sha256');
        await beforeRead(signal);
        for await (const piece of pieces) {
          seen.bytes += piece.length;
          hash.update(piece);
          await onPiece(seen.bytes);
        }
        return { type: mediaType, bytes: seen.bytes, digest: hash.digest('hex') };
      });
      read.catch((error: AppError) => (seen.failed = error.code ?? String(error)));
      return { status: 200 as const, body: await read };
    },
  });
  const plain = defineRoute({
    ...common,
    method: 'POST',
    path: '/plain',
    load: 'write',
    request: { body: z.strictObject({}) },
    responses: { 200: z.strictObject({}) },
    handler: async () => ({ status: 200 as const, body: {} }),
  });
  const server = serve(t, { ...rest, routes: [route, plain] });
  return { server, seen };
};

export const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
export const csv = { 'Content-Type': 'text/csv' };
export const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code?: unknown }).code;

export const head = (headers: Record<string, string>): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
