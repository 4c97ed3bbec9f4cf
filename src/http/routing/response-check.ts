import { Readable } from 'node:stream';
import type { z } from 'zod';
import { AppError, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { isLargeAnswer, largeError } from './large-answer.ts';
import type { RouteReply } from './reply.ts';

export type ResponseValidation = {
  /** A response that breaks its schema becomes a 500. Otherwise it is counted, logged and sent. */
  readonly strict: boolean;
  /** Share of the large responses that are checked, from 0 to 100. Small ones are always checked. */
  readonly percent: number;
};

export type ResponseCheckDeps = ResponseValidation & {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Returns a number from 0 to 1, without 1. */
  readonly random?: () => number;
};

/**
 * @param request its signal ends the check of a large answer. It is read for large answers only, because it is made then.
 * @returns a promise for a large answer only, which is checked in steps
 * @throws AppError `internal_error` for a response that breaks its schema, only with `strict`
 */
export type ResponseCheck = (
  route: CompiledRoute,
  reply: RouteReply,
  request: { readonly signal: AbortSignal },
) => Promise<void> | undefined;

/** A check of such a response takes one to two microseconds, which is below 2 % of the time of its request. */
const maxSmallMembers = 32;
/** A route that is broken for all callers would write a line for each request. */
const logIntervalMs = 60_000;

const isSmall = (body: unknown): boolean => {
  if (typeof body !== 'object' || body === null) return true;
  let members = 0;
  for (const name in body) {
    members += 1;
    const value: unknown = Reflect.get(body, name);
    if (members > maxSmallMembers || (typeof value === 'object' && value !== null)) return false;
  }
  return true;
};

/** The schema that the body must match. A fault if the status is not declared, or is declared without a body and has one. */
const schemaOf = (
  { declaration }: CompiledRoute,
  { status, body }: RouteReply,
): { readonly fault: Error | undefined } | { readonly schema: z.ZodType } => {
  const schema = declaration.responses[status];
  if (schema === undefined) return { fault: new Error(`response schema: status ${status} is not declared`) };
  if (schema !== null) return { schema };
  if (body === null) return { fault: undefined };
  return { fault: new Error(`response schema: status ${status} is declared without a body`) };
};

/** What is wrong with a body, without values. */
const faultOf = (error: z.ZodError | undefined): Error | undefined => {
  if (error === undefined) return undefined;
  const [first] = error.issues;
  const where = `/${first?.path.map(String).join('/') ?? ''}`;
  return new Error(`response schema: ${where}: ${first?.message ?? ''}`, { cause: error });
};

/** Compares replies with the declarations of their routes. Bytes and streams are not compared. */
export const createResponseCheck = (deps: ResponseCheckDeps): ResponseCheck => {
  const { strict, percent, logger, metrics, clock, random = Math.random } = deps;
  const code = 'internal_error';
  const { category } = errorTable[code];
  const loggedAt = new Map<CompiledRoute, number>();

  const report = (route: CompiledRoute, status: number, fault: Error): void => {
    const { template, declaration } = route;
    metrics.count('volwatch_errors_total', { category, code, http_route: template }, 1);
    const now = clock.monotonic();
    if (now - (loggedAt.get(route) ?? -Infinity) < logIntervalMs) return;
    loggedAt.set(route, now);
    logger.error(
      { code, category, method: declaration.method, route: template, status, err: fault },
      'a response breaks its schema',
    );
  };

  return (route, reply, request) => {
    const { body } = reply;
    if (Buffer.isBuffer(body) || body instanceof Readable) return undefined;
    if (percent < 100 && !isSmall(body) && random() * 100 >= percent) return undefined;
    const declared = schemaOf(route, reply);
    const use = (fault: Error | undefined): void => {
      if (fault === undefined) return;
      if (!strict) return report(route, reply.status, fault);
      throw new AppError(code, `The response of ${route.declaration.method} ${route.template} breaks its schema`, {
        cause: fault,
      });
    };
    if ('fault' in declared) use(declared.fault);
    else if (isLargeAnswer(body))
      return largeError(declared.schema, body, { signal: request.signal }).then((error) => use(faultOf(error)));
    else use(faultOf(declared.schema.safeParse(body).error));
    return undefined;
  };
};
