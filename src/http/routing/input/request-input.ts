import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { Input, RequestSchemas } from '#src/kernel/requests/route.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import type { CompiledRoute } from '../compiled-route.ts';
import { checkIdempotencyKey } from '../idempotent.ts';
import type { HttpContext } from '../types.ts';
import { textErrors } from './text-errors.ts';
import { onlyNamed, parsePart, parseQuery } from './validation.ts';

type RequestInputDeps = {
  /** Max number of names in a query. */
  readonly maxQueryNames: number;
  readonly readBody: () => Promise<unknown>;
  /** The client waits for `100 Continue`, so it is refused before it sends its body if the head is enough to refuse it. */
  readonly waitsToSend: boolean;
};

/**
 * Decodes the captures of @koa/router, which itself accepts a broken percent-encoding.
 * @throws AppError `malformed_request`
 */
const pathParameters = ({ parameterNames }: CompiledRoute, ctx: HttpContext): Record<string, string> => {
  const parameters: Record<string, string> = {};
  parameterNames.forEach((name, index) => {
    try {
      parameters[name] = decodeURIComponent(ctx.captures?.[index] ?? '');
    } catch (cause) {
      throw new AppError('malformed_request', 'The path has a broken percent-encoding', { cause });
    }
  });
  return parameters;
};
/** @param only the names to read; without it all names are read */
const readQuery = (
  querystring: string,
  only: ReadonlySet<string> | undefined,
  maxNames: number,
): Record<string, string> => parseQuery(only === undefined ? querystring : onlyNamed(querystring, only), maxNames);

/** The headers that the route declares. Undefined if there are none and the route needs none. */
const declaredHeaders = (
  { headerNames, headersMayBeEmpty }: CompiledRoute,
  { req }: HttpContext,
): Record<string, unknown> | undefined => {
  let declared: Record<string, unknown> | undefined;
  for (const name of headerNames) {
    const value = req.headers[name];
    if (value !== undefined) (declared ??= {})[name] = value;
  }
  return declared ?? (headersMayBeEmpty ? undefined : {});
};

/** Parses path, query, headers and body. @throws AppError `validation_failed` with all faults, and the codes of `readBody` */
export const parseInput = async (
  ctx: HttpContext,
  route: CompiledRoute,
  { maxQueryNames, readBody, waitsToSend }: RequestInputDeps,
): Promise<Input<RequestSchemas>> => {
  const errors: FieldError[] = [];
  const parse = (
    part: 'path' | 'query' | 'header',
    schema: NonNullable<CompiledRoute['path']>,
    value: Record<string, unknown> | undefined,
  ): Record<string, unknown> | undefined => {
    if (value === undefined) return {};
    const unstorable = textErrors(part, value);
    if (unstorable.length > 0) {
      errors.push(...unstorable);
      return undefined;
    }
    const parsed = parsePart(part, schema, value);
    errors.push(...parsed.errors());
    return parsed.data;
  };

  const path = route.path === undefined ? undefined : parse('path', route.path, pathParameters(route, ctx));
  const { querystring } = ctx;
  const isEmpty = querystring === '' && route.queryMayBeEmpty;
  const query = parse(
    'query',
    route.query,
    isEmpty ? undefined : readQuery(querystring, route.queryNames, maxQueryNames),
  );
  const headers = route.headers === undefined ? undefined : parse('header', route.headers, declaredHeaders(route, ctx));

  const { request } = ctx.state;
  if (waitsToSend) {
    if (errors.length > 0) throw validationFailed(errors);
    checkIdempotencyKey(ctx, route);
    route.declaration.checkHead?.({ path, query, headers, context: request });
  }

  let body: unknown;
  if (route.body !== undefined) {
    const raw = await readBody();
    const unstorable = textErrors('body', raw);
    errors.push(...unstorable);
    // A schema does not get a text that cannot be stored, because its own checks may not expect it.
    if (unstorable.length === 0) {
      const turns = createTurns();
      const parsed = parsePart('body', route.body, raw);
      const turn = turns.give();
      if (turn) await turn;
      for (const error of parsed.errors()) errors.push(error);
      body = parsed.data;
    }
  }
  if (errors.length > 0) throw validationFailed(errors);
  return { path, query, headers, body, context: request };
};
