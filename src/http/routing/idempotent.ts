import { createHash } from 'node:crypto';
import { canonicalJson } from '#src/kernel/json/canonical-json.ts';
import type { Idempotency } from '#src/kernel/ports/idempotency.ts';
import { ownerName } from '#src/kernel/ports/owners.ts';
import type { Input, RequestSchemas } from '#src/kernel/requests/route.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { multipartType, type CompiledRoute } from './compiled-route.ts';
import type { RouteReply } from './reply.ts';
import type { HttpContext } from './types.ts';

const printable = /^[\x21-\x7E]{1,255}$/;

/**
 * What the headers say about a body that is read while it arrives. Its bytes are not known before the handler runs, so a
 * caller who wants them compared sends a digest (RFC 9530). Each repetition of a form has another boundary, so its type
 * and length are not compared in full.
 */
const streamedBody = ({ headers }: HttpContext['req']): readonly unknown[] => {
  const [type = ''] = (headers['content-type'] ?? '').toLowerCase().split(';', 1);
  const length = type.trim() === multipartType ? undefined : headers['content-length'];
  const digests = [headers['content-digest'], headers['repr-digest']];
  return [type.trim(), headers['content-encoding'], length, ...digests].map((value) => value ?? null);
};

/** Canonical JSON, because the same body with its members in another order is the same body. */
const fingerprintOf = async (ctx: HttpContext, route: CompiledRoute, input: Input<RequestSchemas>): Promise<string> => {
  const { path, query } = input;
  const body = route.declaration.streamBody ? streamedBody(ctx.req) : input.body;
  const named = await route.declaration.idempotentFor?.(input);
  return createHash('sha256')
    .update(`${route.declaration.method} ${route.template}\n${canonicalJson([path, query, body])}${named ?? ''}`)
    .digest('hex');
};

/**
 * The `Idempotency-Key` of a request, if its route accepts one.
 * @throws AppError `validation_failed` for a key that is not 1 to 255 printable characters
 */
export const checkIdempotencyKey = ({ req }: HttpContext, { declaration }: CompiledRoute): string | undefined => {
  const key = req.headers['idempotency-key'];
  if (!declaration.idempotency || key === undefined) return undefined;
  if (typeof key === 'string' && printable.test(key)) return key;
  const detail = 'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces';
  throw validationFailed([{ pointer: 'header.idempotency-key', code: 'invalid_format', detail }]);
};

/**
 * Runs the handler. When the route accepts `Idempotency-Key` and the request has one, the handler runs once per key.
 * @throws AppError the codes of `checkIdempotencyKey` and of `Idempotency`
 */
export const handle = async (
  ctx: HttpContext,
  route: CompiledRoute,
  input: Input<RequestSchemas>,
  idempotency: Idempotency | undefined,
): Promise<RouteReply> => {
  const { declaration } = route;
  const key = checkIdempotencyKey(ctx, route);
  const { principal } = input.context;
  if (key === undefined || !idempotency || !principal) return declaration.handler(input);
  const subject = `${principal.kind}:${principal.subject}`;
  const fingerprint = await fingerprintOf(ctx, route, input);
  const { reply, replayed } = await idempotency.run(
    { subject, owner: ownerName(principal), key, fingerprint },
    (claim) => {
      input.context.idempotency = claim;
      return declaration.handler(input);
    },
  );
  return replayed ? { ...reply, headers: { ...reply.headers, 'Idempotency-Replayed': 'true' } } : reply;
};
