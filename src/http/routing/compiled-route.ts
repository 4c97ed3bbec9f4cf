import { z } from 'zod';
import { deprecationHeaders } from '#src/kernel/requests/deprecation.ts';
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
  /** Headers of each answer of a deprecated route. */
  readonly deprecationHeaders: Readonly<Record<string, string>> | undefined;
  readonly query: z.ZodObject;
  /** Without any name, the query gives an empty object. */
  readonly queryMayBeEmpty: boolean;
  /** The names that are read from the query; the others are ignored. Undefined: another name is refused. */
  readonly queryNames: ReadonlySet<string> | undefined;
  readonly headerNames: readonly string[];
  readonly headers: z.ZodObject | undefined;
  /** Without any declared header, the headers give an empty object. */
  readonly headersMayBeEmpty: boolean;
  readonly body: z.ZodType | undefined;
  readonly bodyOptional: boolean;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
};

export const jsonType = 'application/json';
export const formType = 'application/x-www-form-urlencoded';
export const multipartType = 'multipart/form-data';

export const isJsonType = (type: string): boolean => type === jsonType || type.endsWith('+json');

/** What happens to names in the query of a GET route that the route does not declare. */
export type UnknownQuery = 'refuse' | 'ignore';

export type CompileOptions = {
  /** For GET routes. Other routes refuse unknown names, because a write must not differ from what its caller meant. */
  readonly unknownQuery: UnknownQuery;
};

const capitalId = '01A21B88-2F4D-7BBE-9CC7-B88DD739FB6C';

/** Whether a schema takes an id in capital letters and gives it to the handler as it is. */
const keepsCapitals = (schema: z.ZodType | undefined): boolean =>
  schema?.safeParse(capitalId).data === capitalId && !schema.safeParse('not an id').success;

/** @throws Error for JSON or a form that is too large for the event loop to parse */
const checkBodyLimit = (declaration: Route, template: string): void => {
  const { bodyLimit, rawBody, consumes = [jsonType] } = declaration;
  const isParsed = rawBody === undefined && consumes.some((type) => isJsonType(type) || type === formType);
  if (isParsed && (bodyLimit === 'batch' || bodyLimit === 'chunk')) {
    throw new Error(
      `${template} has the body limit ${bodyLimit}, so it needs rawBody: the event loop must not parse it`,
    );
  }
};

/** @throws Error for a change that any token may make, without a word about tokens with fewer scopes than their user */
const checkAuth = ({ auth, method, storesOnGet }: Route, template: string): void => {
  if (auth !== 'authenticated' || (method === 'GET' && !storesOnGet)) return;
  throw new Error(`${method} ${template} changes something: its auth must be account, program or a scope`);
};

/** @throws Error for a declaration that contradicts itself */
const checkDeclaration = (declaration: Route, template: string, parameterNames: readonly string[]): void => {
  const { path } = declaration.request;
  const undeclared = parameterNames.filter((name) => path === undefined || !Object.hasOwn(path.shape, name));
  if (undeclared.length > 0) throw new Error(`No schema for a path parameter of ${template}`);
  // Ids are stored in small letters, and texts such as names of audit streams are made of them.
  if (parameterNames.some((name) => keepsCapitals(path?.shape[name]))) {
    throw new Error(`An id of ${template} keeps capital letters: declare it as idParameter`);
  }
  if (declaration.idempotency && (declaration.auth === 'public' || declaration.auth === 'optional')) {
    throw new Error(`${template} accepts Idempotency-Key, so it must have an authenticated caller`);
  }
  checkAuth(declaration, template);
  checkBodyLimit(declaration, template);
  checkErrors(declaration, template);
  for (const [, name = ''] of declaration.deprecated?.successor?.matchAll(/\{(\w+)\}/g) ?? []) {
    if (!parameterNames.includes(name))
      throw new Error(`The successor of ${template} has the unknown parameter ${name}`);
  }
};

/** Whether the schema gives an empty object for an empty one, so that it need not run for it. */
const mayBeEmpty = (schema: z.ZodObject | undefined): boolean => {
  const parsed = schema?.safeParse({});
  return parsed?.success === true && Object.keys(parsed.data).length === 0;
};

export const compileRoute = (declaration: Route, template: string, { unknownQuery }: CompileOptions): CompiledRoute => {
  const { path, query, headers, body } = declaration.request;
  const parameterNames = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  checkDeclaration(declaration, template, parameterNames);
  const querySchema = query?.strict() ?? z.strictObject({});
  const ignoresUnknown = declaration.method === 'GET' && (declaration.unknownQuery ?? unknownQuery) === 'ignore';
  return {
    declaration,
    template,
    parameterNames,
    path,
    deprecationHeaders: declaration.deprecated && deprecationHeaders(declaration.deprecated),
    query: querySchema,
    queryMayBeEmpty: mayBeEmpty(querySchema),
    queryNames: ignoresUnknown ? new Set(Object.keys(query?.shape ?? {})) : undefined,
    headerNames: headers === undefined ? [] : Object.keys(headers.shape),
    headers,
    headersMayBeEmpty: mayBeEmpty(headers),
    body,
    bodyOptional: body !== undefined && body.safeParse(undefined).success,
    consumes: declaration.consumes ?? [jsonType],
    produces: declaration.produces === undefined ? [jsonType] : [declaration.produces].flat(),
  };
};
