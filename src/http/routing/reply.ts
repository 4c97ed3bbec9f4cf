import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { versionTag } from '#src/kernel/requests/conditional/expected-versions.ts';
import { matchesIfNoneMatch } from '#src/kernel/requests/entity-tags.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { UnreadBlocks } from '#src/kernel/streams/unread-blocks.ts';
import { digestInTurns } from '#src/kernel/streams/digest-in-turns.ts';
import { createTurns, nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import { isJsonType, type CompiledRoute } from './compiled-route.ts';
import { isLargeAnswer, largeJson } from './large-answer.ts';
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
const refuseNumber = ({ declaration, template }: CompiledRoute, pointer: string): never => {
  throw new AppError('internal_error', `The response of ${declaration.method} ${template} breaks its schema`, {
    cause: new Error(`response schema: ${pointer}: a number that is not finite`),
  });
};

/** @throws AppError `internal_error` for a number that is not finite */
const jsonOf = (route: CompiledRoute, body: unknown): string => {
  const pointer = nonFiniteIn(body);
  if (pointer !== undefined) refuseNumber(route, pointer);
  return JSON.stringify(body);
};
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/**
 * Reduces each object of a list, or a resource, to the members in `fields`, in the order of `fields`. Bytes and streams,
 * for example CSV, stay: the handler has chosen their columns.
 * @param declared `fields` of the declaration of the route
 */
export const selectFields = (declared: true | string, body: unknown, fields: unknown): unknown => {
  if (!Array.isArray(fields) || !isRecord(body) || Buffer.isBuffer(body) || body instanceof Readable) return body;
  const names = fields.filter((name): name is string => typeof name === 'string');
  const selected = (item: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(names.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]));
  const list = declared === true ? 'data' : declared;
  const rows = body[list];
  return Array.isArray(rows) ? { ...body, [list]: rows.filter(isRecord).map(selected) } : selected(body);
};

/** A cache for files and documents, which are always answered from the same buffer, and for large answers. */
const digests = new WeakMap<Buffer, string>();
const newDigest = (content: string | Buffer): string => createHash('sha1').update(content).digest('base64url');
const digestOf = (content: string | Buffer): string => {
  if (typeof content === 'string') return newDigest(content);
  const digest = digests.get(content) ?? newDigest(content);
  digests.set(content, digest);
  return digest;
};

/** Whether the ETag of a route has a digest of the body. */
const isOfBody = ({ declaration: { etag } }: CompiledRoute): boolean => etag === 'weak' || etag === 'version';

/** Sets the ETag of a route whose ETag has a digest of the body. */
const setEtag = ({ res }: HttpContext, { declaration }: CompiledRoute, content: string | Buffer): void => {
  if (declaration.etag === 'weak') res.setHeader('ETag', `W/"${digestOf(content)}"`);
  else res.setHeader('ETag', versionTag(String(res.getHeader('ETag')), digestOf(content)));
};

const jsonHeader = 'application/json; charset=utf-8';

/** Whether the client has this representation already. Only GET and HEAD are answered with 304. */
const isKnown = (ctx: HttpContext, { declaration }: CompiledRoute, status: number): boolean => {
  const etag = ctx.res.getHeader('ETag');
  if (declaration.etag === undefined || status !== 200 || typeof etag !== 'string') return false;
  return declaration.method === 'GET' && matchesIfNoneMatch(ctx.req.headers['if-none-match'], etag);
};

/**
 * Sets status, headers and body of the reply. With `etag` in the declaration it answers 304 where If-None-Match matches.
 * @returns a promise for a large answer, which is written in steps, and for stored bytes, which are read now
 */
export const sendReply = (ctx: HttpContext, route: CompiledRoute, reply: RouteReply): Promise<void> | undefined => {
  const { res } = ctx;
  const produces = route.produces[0] ?? 'application/json';
  ctx.status = reply.status;
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    // Other steps have said before what the answer depends on.
    if (name === 'Vary') res.appendHeader(name, value);
    else res.setHeader(name, value);
  }
  if (reply.body === null || reply.body === undefined) {
    ctx.body = null;
    // Koa changes the status to 204 when the body becomes null.
    ctx.status = reply.status;
    return undefined;
  }
  const { body } = reply;
  if (body instanceof UnreadBlocks) return sendUnread(ctx, route, reply, body, produces);
  if (body instanceof ByteBlocks) sendBlocks(ctx, route, reply, body, produces);
  else if (body instanceof Readable) sendStream(ctx, body, produces);
  else if (isLargeAnswer(body)) return sendLarge(ctx, route, { ...reply, body }, produces);
  else sendContent(ctx, route, reply, contentOf(route, body, produces), produces);
  return undefined;
};

/** Bytes, and texts of routes that do not answer JSON, are sent as they are. */
const contentOf = (route: CompiledRoute, body: unknown, produces: string): string | Buffer =>
  Buffer.isBuffer(body) || (typeof body === 'string' && !isJsonType(produces)) ? body : jsonOf(route, body);

const bodyTag = { algorithm: 'sha1', encoding: 'base64url' } as const;

const sendLarge = async (
  ctx: HttpContext,
  route: CompiledRoute,
  reply: RouteReply & { readonly body: Readonly<Record<string, unknown>> },
  produces: string,
): Promise<void> => {
  const { signal } = ctx.state.request;
  const content = await largeJson(reply.body, (pointer) => refuseNumber(route, pointer), { signal });
  if (isOfBody(route)) digests.set(content, await digestInTurns([content], bodyTag, createTurns({ signal })));
  // The answer is sent in slices of its own, and the turn of the digest must not be longer for the first of them.
  await nextTurnOfLoop();
  sendContent(ctx, route, reply, content, produces);
};

const sendStream = (ctx: HttpContext, body: Readable, produces: string): void => {
  if (!ctx.res.hasHeader('Content-Type')) ctx.res.setHeader('Content-Type', produces);
  if (body instanceof AnswerPieces) ctx.state.pieces = body;
  ctx.body = body;
};

const sendBlocks = (
  ctx: HttpContext,
  route: CompiledRoute,
  { status }: RouteReply,
  { blocks, byteLength }: ByteBlocks,
  produces: string,
): void => {
  if (isKnown(ctx, route, status)) return sendNotModified(ctx);
  sendStream(ctx, new AnswerPieces(blocks), produces);
  ctx.length = byteLength;
};

const sendUnread = async (
  ctx: HttpContext,
  route: CompiledRoute,
  reply: RouteReply,
  body: UnreadBlocks,
  produces: string,
): Promise<void> => {
  if (isKnown(ctx, route, reply.status)) return sendNotModified(ctx);
  if (ctx.method === 'HEAD') {
    // Nobody would receive the bytes, and no bound of unread answers would count them.
    if (!ctx.res.hasHeader('Content-Type')) ctx.res.setHeader('Content-Type', produces);
    ctx.length = body.byteLength;
    return;
  }
  const { request, reserveAnswer } = ctx.state;
  const blocks = await body.read({ signal: request.signal, reserve: () => reserveAnswer?.(body.byteLength) });
  sendBlocks(ctx, route, reply, blocks, produces);
};

const sendNotModified = (ctx: HttpContext): void => {
  ctx.status = 304;
  ctx.body = null;
};

/** @param produces the media type of the route */
const sendContent = (
  ctx: HttpContext,
  route: CompiledRoute,
  { status }: RouteReply,
  content: string | Buffer,
  produces: string,
): void => {
  const { res } = ctx;
  if (isOfBody(route) && status === 200) {
    setEtag(ctx, route, content);
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-cache');
  }
  if (isKnown(ctx, route, status)) return sendNotModified(ctx);
  const contentType = produces === 'application/json' ? jsonHeader : produces;
  if (!Buffer.isBuffer(content) || !res.hasHeader('Content-Type')) res.setHeader('Content-Type', contentType);
  ctx.body = content;
};
