import type { Route } from '#src/kernel/requests/route.ts';
import type { Components } from './components.ts';
import type { Json } from './json.ts';

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Requests with the same key have one effect. A repeated request gets the answer of the first one',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};
const csrfToken: Json = {
  name: 'X-CSRF-Token',
  in: 'header',
  required: false,
  description: 'The `csrf_token` of the login. Required with the session cookie, not used with other credentials',
  schema: { type: 'string', maxLength: 1_024 },
};
const ifNoneMatch: Json = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of an earlier answer. If nothing has changed, the answer is 304 without a body',
  schema: { type: 'string', maxLength: 1_024 },
};

const requestId: Json = {
  name: 'X-Request-ID',
  in: 'header',
  required: false,
  description:
    'Id of the request in the answer and the logs: letters, digits, `.`, `_`, `-`. Without it the service makes one',
  schema: { type: 'string', maxLength: 128 },
};

/** The usual spelling of the headers that routes declare in lower case. */
const declaredHeaders: Readonly<Record<string, { readonly name: string; readonly description: string }>> = {
  'if-match': { name: 'If-Match', description: 'The `ETag` of the representation that the change is based on' },
  'if-none-match': { name: 'If-None-Match', description: '`*`: only if the resource does not exist yet' },
  prefer: { name: 'Prefer', description: '`wait=SECONDS` (RFC 7240): answer after the work has ended' },
};

/** Described elsewhere in OpenAPI (media types, security schemes), or set by each client itself. */
const notParameters: ReadonlySet<string> = new Set([
  'accept',
  'authorization',
  'content-type',
  'cookie',
  'host',
  'origin',
  'sec-fetch-site',
  'sec-fetch-storage-access',
  'user-agent',
]);

const headerOf = (name: string): { readonly name: string; readonly description: string } => {
  const declared = declaredHeaders[name];
  if (declared === undefined) throw new Error(`The header ${name} has no description in openapi/parameters.ts`);
  return declared;
};

/** The parameters of an operation: those that the route declares, and the headers that the http room reads. */
export const parametersOf = (route: Route, components: Components): Json[] => {
  const { auth, method, idempotency, etag } = route;
  const declared = (['path', 'query', 'headers'] as const).flatMap((part) => {
    const schema = route.request[part];
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = components.schemaOf(schema, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties)
      .filter(([name]) => part !== 'headers' || !notParameters.has(name))
      .map(([name, { description, ...rest }]): Json => {
        const header = part === 'headers' ? headerOf(name) : undefined;
        const text = description ?? header?.description;
        return {
          name: header?.name ?? name,
          in: part === 'headers' ? 'header' : part,
          required: part === 'path' || required.includes(name),
          ...(text !== undefined && { description: text }),
          schema: rest,
        };
      });
  });
  return [
    ...declared,
    ...(idempotency ? [idempotencyKey] : []),
    ...(auth !== 'public' && auth !== 'optional' && method !== 'GET' ? [csrfToken] : []),
    ...(etag && method === 'GET' ? [ifNoneMatch] : []),
    requestId,
  ];
};
