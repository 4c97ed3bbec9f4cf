import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { Input, RequestSchemas } from '#src/kernel/requests/route.ts';
import type { CompiledRoute } from '../compiled-route.ts';
import { checkIdempotencyKey } from '../idempotent.ts';
import type { HttpContext } from '../types.ts';
import { textErrors } from './text-errors.ts';
import { fieldErrors, onlyNamed, parseQuery, validationFailed } from './validation.ts';

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

/** Parses path, query, headers and body. @throws AppError `validation_failed` with all faults, and the codes of `readBody` */
export const parseInput = async (
  ctx: HttpContext,
  route: CompiledRoute,
  { maxQueryNames, readBody, waitsToSend }: RequestInputDeps,
): Promise<Input<RequestSchemas>> => {
  const errors: FieldError[] = [];
  const parse = (
    part: 'path' | 'query' | 'header',
    schema: CompiledRoute['path'],
    value: Record<string, unknown>,
  ): Record<string, unknown> | undefined => {
    const unstorable = textErrors(part, value);
    if (unstorable.length > 0) {
      errors.push(...unstorable);
      return undefined;
    }
    const parsed = schema?.safeParse(value);
    if (parsed?.error) errors.push(...fieldErrors(part, parsed.error, value));
    return parsed?.data;
  };

  const path = parse('path', route.path, pathParameters(route, ctx));
  const query = parse('query', route.query, readQuery(ctx.querystring, route.queryNames, maxQueryNames));
  const declaredHeaders: Record<string, unknown> = {};
  for (const name of route.headerNames) {
    const value = ctx.req.headers[name];
    if (value !== undefined) declaredHeaders[name] = value;
  }
  const headers = parse('header', route.headers, declaredHeaders);

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
    const parsed = unstorable.length > 0 ? undefined : route.body.safeParse(raw);
    if (parsed?.error) errors.push(...fieldErrors('body', parsed.error, raw));
    body = parsed?.data;
  }
  if (errors.length > 0) throw validationFailed(errors);
  return { path, query, headers, body, context: request };
};
