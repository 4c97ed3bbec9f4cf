import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { matchesIfNoneMatch } from '#src/kernel/requests/entity-tags.ts';
import { isJsonType, type CompiledRoute } from './compiled-route.ts';
import type { HttpContext } from './types.ts';

export type RouteReply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * A number that is not finite would become null. Answers are searched for it in production too.
 * @throws AppError `internal_error`
 */
const assertFinite = ({ declaration, template }: CompiledRoute, body: unknown): void => {
  const pointer = nonFiniteIn(body);
  if (pointer === undefined) return;
  throw new AppError('internal_error', `The response of ${declaration.method} ${template} breaks its schema`, {
    cause: new Error(`response schema: ${pointer}: a number that is not finite`),
  });
};
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/**
 * Reduces each object of a list, or a resource, to the members in `fields`, in the order of `fields`.
 * @param declared `fields` of the declaration of the route
 */
export const selectFields = (declared: true | string, body: unknown, fields: unknown): unknown => {
  if (!Array.isArray(fields) || !isRecord(body)) return body;
  const names = fields.filter((name): name is string => typeof name === 'string');
  const selected = (item: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(names.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]));
  const list = declared === true ? 'data' : declared;
  const rows = body[list];
  return Array.isArray(rows) ? { ...body, [list]: rows.filter(isRecord).map(selected) } : selected(body);
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

const jsonHeader = 'application/json; charset=utf-8';

/** Whether the client has this representation already. Only GET and HEAD are answered with 304. */
const isKnown = (ctx: HttpContext, { declaration }: CompiledRoute, status: number): boolean => {
  const etag = ctx.res.getHeader('ETag');
  if (declaration.etag === undefined || status !== 200 || typeof etag !== 'string') return false;
  return declaration.method === 'GET' && matchesIfNoneMatch(ctx.req.headers['if-none-match'], etag);
};

/** Sets status, headers and body of the reply. With `etag` in the declaration it answers 304 where If-None-Match matches. */
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
  if (body instanceof Readable) sendStream(ctx, body, produces);
  else sendContent(ctx, route, { ...reply, body }, produces);
};

const sendStream = (ctx: HttpContext, body: Readable, produces: string): void => {
  if (!ctx.res.hasHeader('Content-Type')) ctx.res.setHeader('Content-Type', produces);
  if (body instanceof AnswerPieces) ctx.state.pieces = body;
  ctx.body = body;
};

/** @param produces the media type of the route */
const sendContent = (ctx: HttpContext, route: CompiledRoute, { status, body }: RouteReply, produces: string): void => {
  const { res } = ctx;
  const isSerialised = Buffer.isBuffer(body) || (typeof body === 'string' && !isJsonType(produces));
  if (!isSerialised) assertFinite(route, body);
  const content = isSerialised ? body : JSON.stringify(body);
  if (route.declaration.etag === 'weak' && status === 200) {
    res.setHeader('ETag', weakEtag(content));
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-cache');
  }
  if (isKnown(ctx, route, status)) {
    ctx.status = 304;
    ctx.body = null;
    return;
  }
  const contentType = produces === 'application/json' ? jsonHeader : produces;
  if (!Buffer.isBuffer(body) || !res.hasHeader('Content-Type')) res.setHeader('Content-Type', contentType);
  ctx.body = content;
};
