import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import type { Input, RequestSchemas } from '#src/kernel/requests/route.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { RouteTable } from './router.ts';
import type { HttpContext } from './types.ts';
import { textErrors } from './text-errors.ts';
import { fieldErrors, parseQuery, validationFailed } from './validation.ts';

type RequestInputDeps = {
  readonly routeTable: RouteTable;
  /** Max number of names in a query. */
  readonly maxQueryNames: number;
  readonly readBody: () => Promise<unknown>;
};

/** Parses path, query, headers and body. @throws AppError `validation_failed` with all faults, and the codes of `readBody` */
export const parseInput = async (
  ctx: HttpContext,
  route: CompiledRoute,
  { routeTable, maxQueryNames, readBody }: RequestInputDeps,
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

  const path = parse('path', route.path, routeTable.parameters(route, ctx.path));
  const query = parse('query', route.query, parseQuery(ctx.querystring, maxQueryNames));
  const declaredHeaders: Record<string, unknown> = {};
  for (const name of route.headerNames) {
    const value = ctx.req.headers[name];
    if (value !== undefined) declaredHeaders[name] = value;
  }
  const headers = parse('header', route.headers, declaredHeaders);

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
  return { path, query, headers, body, context: ctx.state.request };
};
