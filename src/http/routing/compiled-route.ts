import { z } from 'zod';
import type { Route } from '#src/kernel/requests/route.ts';
import { checkErrors } from './route-errors.ts';

/** A route with everything worked out that does not depend on the request. */
export type CompiledRoute = {
  readonly declaration: Route;
  /** The whole path, base path included, parameters as `{name}`. */
  readonly template: string;
  /** Where each parameter stands among the path's pieces between slashes. */
  readonly parameterPositions: readonly (readonly [string, number])[];
  readonly path: z.ZodObject | undefined;
  readonly query: z.ZodObject;
  readonly headerNames: readonly string[];
  readonly headers: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  readonly bodyOptional: boolean;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  /** Undefined where responses are not checked. */
  readonly responses: Route['responses'] | undefined;
};

export const jsonType = 'application/json';
export const formType = 'application/x-www-form-urlencoded';

export const isJsonType = (type: string): boolean => type === jsonType || type.endsWith('+json');

export const compileRoute = (
  declaration: Route,
  template: string,
  { validateResponses }: { readonly validateResponses: boolean },
): CompiledRoute => {
  const { path, query, headers, body } = declaration.request;
  const parameterPositions = template
    .split('/')
    .flatMap((piece, position) => (/^\{\w+\}$/.test(piece) ? [[piece.slice(1, -1), position] as const] : []));
  const undeclared = parameterPositions.filter(([name]) => path === undefined || !Object.hasOwn(path.shape, name));
  if (undeclared.length > 0) throw new Error(`No schema for a path parameter of ${template}`);
  if (declaration.idempotency && declaration.auth === 'public') {
    throw new Error(`${template} honours Idempotency-Key, which needs an authenticated caller`);
  }
  checkErrors(declaration, template);
  return {
    declaration,
    template,
    parameterPositions,
    path,
    // Unknown query names are refused everywhere, whatever the declaration says.
    query: query?.strict() ?? z.strictObject({}),
    headerNames: headers === undefined ? [] : Object.keys(headers.shape),
    headers,
    body,
    bodyOptional: body !== undefined && body.safeParse(undefined).success,
    consumes: declaration.consumes ?? [jsonType],
    produces: declaration.produces === undefined ? [jsonType] : [declaration.produces].flat(),
    responses: validateResponses ? declaration.responses : undefined,
  };
};
