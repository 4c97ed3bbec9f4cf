import { z } from 'zod';
import { errorTable } from '#src/kernel/catalogue/errors.ts';
import { describeDeprecation } from '#src/kernel/requests/deprecation.ts';
import type { AuthPolicy, Route } from '#src/kernel/requests/route.ts';
import { formType, isJsonType, multipartType } from '../routing/compiled-route.ts';
import { errorsOf } from '../routing/route-errors.ts';
import { problemSchema, oauthErrorSchema } from '../problems/problem-schema.ts';

export type OpenApiInfo = { readonly title: string; readonly version: string; readonly description?: string };
type Json = Record<string, unknown>;
export type OpenApiDocument = { readonly openapi: '3.1.0' } & Json;

type Options = { readonly routes: readonly Route[]; readonly basePath: string; readonly info: OpenApiInfo };

const schemes = { bearer: [], apiKey: [], cookie: [] };
const securityOf = (auth: AuthPolicy): Json[] => {
  if (auth === 'public') return [];
  const needed = typeof auth === 'object' ? [auth.scope] : [];
  const ways = Object.keys(schemes).map((name) => ({ [name]: needed }));
  return auth === 'optional' ? [{}, ...ways] : ways;
};

const headerRef = (name: string): Json => ({ $ref: `#/components/headers/${name}` });
const usualHeaders = ({ rateLimit, deprecated }: Route): Json => ({
  'X-Request-ID': headerRef('RequestId'),
  'X-Trace-ID': headerRef('TraceId'),
  'Server-Timing': headerRef('ServerTiming'),
  ...(rateLimit !== 'none' && { RateLimit: headerRef('RateLimit'), 'RateLimit-Policy': headerRef('RateLimitPolicy') }),
  ...(deprecated && { Deprecation: headerRef('Deprecation'), Sunset: headerRef('Sunset'), Link: headerRef('Link') }),
});

/** `POST /pricing/price` -> `postPricingPrice`. */
const operationId = ({ method, path }: Route): string =>
  method.toLowerCase() +
  path
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');

/** zod writes named (`meta({ id })`) and repeated schemas as `$defs`. OpenAPI needs them in `components`. */
const toSchema = (schema: z.ZodType, io: 'input' | 'output', components: Json): Json => {
  const { $schema: _, $defs, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  if ($defs === undefined) return json;
  const hoist = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as unknown;
  Object.assign(components, hoist($defs));
  return hoist(json) as Json;
};

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Requests with the same key have one effect. A repeated request gets the answer of the first one',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const parametersOf = (route: Route, components: Json): Json[] => [
  ...(route.idempotency ? [idempotencyKey] : []),
  ...(['path', 'query', 'headers'] as const).flatMap((part) => {
    const schema = route.request[part];
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = toSchema(schema, 'input', components) as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description = '', ...rest }]) => ({
      name,
      in: part === 'headers' ? 'header' : part,
      required: part === 'path' || required.includes(name),
      description,
      schema: rest,
    }));
  }),
];

/** The parameter `fields` can remove any member of an item, so no member is required. */
const withoutRequired = (schema: Json): Json => {
  const copy = structuredClone(schema) as { properties?: { data?: { items?: Json } } };
  delete copy.properties?.data?.items?.['required'];
  return copy;
};

/** The schema describes the first media type, JSON and forms. Other media types are described as binary. */
const contentOf = (types: readonly string[], schema: Json): Json =>
  Object.fromEntries(
    types.map((type, index) => {
      const described = index === 0 || isJsonType(type) || type === formType;
      return [type, { schema: described ? schema : { type: 'string', format: 'binary' } }];
    }),
  );

const file = { type: 'string', format: 'binary' };

/** A file, as it is or as the only part of a form. */
const fileContentOf = (types: readonly string[]): Json =>
  Object.fromEntries(
    types.map((type) => {
      const form = { type: 'object', required: ['file'], properties: { file } };
      return [type, { schema: type === multipartType ? form : file }];
    }),
  );

const responsesOf = (route: Route, components: Json): Json => {
  const responses: Record<string, Json> = {};
  const usual = usualHeaders(route);
  for (const [status, schema] of Object.entries(route.responses)) {
    const json = schema === null ? undefined : toSchema(schema, 'output', components);
    responses[status] = {
      description: `Answer of: ${route.summary}`,
      headers: { ...usual, ...(route.etag && { ETag: headerRef('ETag') }) },
      ...(json && {
        content: contentOf([route.produces ?? 'application/json'].flat(), route.fields ? withoutRequired(json) : json),
      }),
    };
  }
  if (route.etag) responses['304'] = { description: 'Not modified', headers: usual };

  const byStatus = Map.groupBy(errorsOf(route), (code) => errorTable[code].status);
  const oauth = route.errorFormat === 'oauth';
  const members = route.problemMembers && toSchema(route.problemMembers, 'output', components);
  for (const [status, codes] of byStatus) {
    if (responses[status] !== undefined) continue;
    const retryable = codes.some((code) => errorTable[code].retryable);
    responses[status] = {
      description: codes.map((code) => `\`${code}\`: ${errorTable[code].title}`).join('; '),
      headers: { ...usual, ...(retryable && { 'Retry-After': headerRef('RetryAfter') }) },
      content: {
        [oauth ? 'application/json' : 'application/problem+json']: {
          schema: {
            allOf: [
              { $ref: `#/components/schemas/${oauth ? 'OAuthProblem' : 'Problem'}` },
              { properties: { code: { enum: codes } } },
              ...(members ? [members] : []),
            ],
          },
        },
      },
    };
  }
  return responses;
};

const operationOf = (route: Route, components: Json): Json => {
  const { body } = route.request;
  const { consumes = ['application/json'] } = route;
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.deprecated && { deprecated: true, description: describeDeprecation(route.deprecated) }),
    security: securityOf(route.auth),
    parameters: parametersOf(route, components),
    ...(body && {
      requestBody: {
        required: route.streamBody === true || !body.safeParse(undefined).success,
        content: route.streamBody ? fileContentOf(consumes) : contentOf(consumes, toSchema(body, 'input', components)),
      },
    }),
    responses: responsesOf(route, components),
  };
};

const text = (description: string): Json => ({ description, schema: { type: 'string' } });

/** The OpenAPI 3.1 document of the declared routes: each path, parameter, body, answer and error code. */
export const createOpenApi = ({ routes, basePath, info }: Options): OpenApiDocument => {
  const schemas: Json = {};
  schemas['Problem'] = toSchema(problemSchema, 'output', schemas);
  schemas['OAuthProblem'] = toSchema(oauthErrorSchema, 'output', schemas);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.atRoot === true ? route.path : `${basePath}${route.path}`;
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route, schemas);
  }
  return {
    openapi: '3.1.0',
    info: { ...info, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas,
      headers: {
        RequestId: text('The X-Request-ID of the caller, else a new UUIDv7'),
        TraceId: text('The trace of this request, 32 hexadecimal digits'),
        ServerTiming: text('Duration in milliseconds: total, and the measured parts'),
        RateLimit: text('Remaining quota: `"policy";r=REMAINING;t=SECONDS` (draft-ietf-httpapi-ratelimit-headers-10)'),
        RateLimitPolicy: text('The limit: `"policy";q=QUOTA;w=SECONDS`'),
        RetryAfter: { description: 'Seconds after which a retry may succeed', schema: { type: 'integer' } },
        ETag: text('Entity tag for If-None-Match'),
        Deprecation: text('The day from which the route is deprecated, as `@` and Unix seconds (RFC 9745)'),
        Sunset: text('The day from which the route can be missing, as an HTTP date (RFC 8594)'),
        Link: text('The route to use in its place (`successor-version`), and its documentation (`deprecation`)'),
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        cookie: { type: 'apiKey', in: 'cookie', name: '__Host-session' },
      },
    },
  };
};
