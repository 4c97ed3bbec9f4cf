import { z } from 'zod';
import type { Route } from '#src/kernel/requests/route.ts';
import { checkErrors } from './route-errors.ts';

/** A declared route with all values that do not depend on the request. They are computed once, at start. */
export type CompiledRoute = {
  readonly declaration: Route;
  /** The full path with the base path. Parameters are written `{name}`. */
  readonly template: string;
  /** Names of the path parameters, in their order. */
  readonly parameterNames: readonly string[];
  readonly path: z.ZodObject | undefined;
  readonly query: z.ZodObject;
  readonly headerNames: readonly string[];
  readonly headers: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  readonly bodyOptional: boolean;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  /** Undefined: responses are not checked. */
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
  const parameterNames = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const undeclared = parameterNames.filter((name) => path === undefined || !Object.hasOwn(path.shape, name));
  if (undeclared.length > 0) throw new Error(`No schema for a path parameter of ${template}`);
  if (declaration.idempotency && (declaration.auth === 'public' || declaration.auth === 'optional')) {
    throw new Error(`${template} accepts Idempotency-Key, so it must have an authenticated caller`);
  }
  checkErrors(declaration, template);
  return {
    declaration,
    template,
    parameterNames,
    path,
    // Unknown query names are refused on all routes.
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
