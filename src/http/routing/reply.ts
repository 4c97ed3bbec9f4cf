import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { isJsonType, type CompiledRoute } from './compiled-route.ts';
import type { HttpContext } from './types.ts';

export type RouteReply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

const isBytes = (body: unknown): body is Buffer | Readable => Buffer.isBuffer(body) || body instanceof Readable;

/** Checks a reply against its declaration, except bytes and streams. @throws AppError `internal_error` on a mismatch */
export const checkReply = (route: CompiledRoute, { status, body }: RouteReply): void => {
  if (route.responses === undefined || isBytes(body)) return;
  const schema = route.responses[status];
  if (schema === undefined) throw mismatch(route, `status ${status} is not declared`);
  if (schema === null) {
    if (body !== null) throw mismatch(route, `status ${status} is declared without a body`);
    return;
  }
  const { error } = schema.safeParse(body);
  if (error) {
    const [first] = error.issues;
    throw mismatch(route, `/${first?.path.map(String).join('/') ?? ''}: ${first?.message ?? ''}`, error);
  }
};

const mismatch = (route: CompiledRoute, what: string, cause?: unknown): AppError =>
  new AppError('internal_error', `The response of ${route.declaration.method} ${route.template} breaks its schema`, {
    cause: new Error(`response schema: ${what}`, { cause }),
  });

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Reduces the objects of `data` to the members in `fields`, in the order of `fields`. */
export const selectFields = (body: unknown, fields: unknown): unknown => {
  if (!Array.isArray(fields) || !isRecord(body) || !Array.isArray(body['data'])) return body;
  const names = fields.filter((name): name is string => typeof name === 'string');
  const data = body['data']
    .filter(isRecord)
    .map((item) => Object.fromEntries(names.filter((name) => Object.hasOwn(item, name)).map((n) => [n, item[n]])));
  return { ...body, data };
};

const digestOf = (content: string | Buffer): string => `W/"${createHash('sha1').update(content).digest('base64url')}"`;
/** A cache for files and documents, which are always answered from the same buffer. */
const digests = new WeakMap<Buffer, string>();
const weakEtag = (content: string | Buffer): string => {
  if (typeof content === 'string') return digestOf(content);
  const digest = digests.get(content) ?? digestOf(content);
  digests.set(content, digest);
  return digest;
};

/** RFC 9110, section 13.1.2: weak comparison. */
const matches = (ifNoneMatch: string | undefined, etag: string): boolean => {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((given) => given.trim().replace(/^W\//, '') === etag.slice(2));
};

const jsonHeader = 'application/json; charset=utf-8';

/** Sets status, headers and body of the reply. With `etag: 'weak'` in the declaration it sets an ETag and answers 304. */
export const sendReply = (ctx: HttpContext, route: CompiledRoute, reply: RouteReply): void => {
  const { res } = ctx;
  const produces = route.produces[0] ?? 'application/json';
  ctx.status = reply.status;
  if (reply.headers) for (const name of Object.keys(reply.headers)) res.setHeader(name, reply.headers[name] ?? '');
  if (reply.body === null || reply.body === undefined) {
    ctx.body = null;
    // Koa changes the status to 204 when the body becomes null.
    ctx.status = reply.status;
    return;
  }
  const { body } = reply;
  if (body instanceof Readable) {
    if (!res.hasHeader('Content-Type')) res.setHeader('Content-Type', produces);
    if (body instanceof AnswerPieces) ctx.state.pieces = body;
    ctx.body = body;
    return;
  }
  const isSerialised = Buffer.isBuffer(body) || (typeof body === 'string' && !isJsonType(produces));
  const content = isSerialised ? body : JSON.stringify(body);
  if (route.declaration.etag === 'weak' && reply.status === 200) {
    const etag = weakEtag(content);
    res.setHeader('ETag', etag);
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-cache');
    if (matches(ctx.req.headers['if-none-match'], etag)) {
      ctx.status = 304;
      ctx.body = null;
      return;
    }
  }
  const contentType = produces === 'application/json' ? jsonHeader : produces;
  if (!Buffer.isBuffer(body) || !res.hasHeader('Content-Type')) res.setHeader('Content-Type', contentType);
  ctx.body = content;
};
