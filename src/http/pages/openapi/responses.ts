import { z } from 'zod';
import { errorCodes, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import { formType, isJsonType, multipartType } from '../../routing/compiled-route.ts';
import { errorsOf } from '../../routing/route-errors.ts';
import { oauthErrorSchema, problemSchema } from '../../problems/problem-schema.ts';
import type { Components } from './components.ts';
import { headerRef, usualHeaders } from './headers.ts';
import type { Json } from './json.ts';

const names: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  408: 'RequestTimeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'PreconditionFailed',
  413: 'ContentTooLarge',
  414: 'UriTooLong',
  415: 'UnsupportedMediaType',
  422: 'UnprocessableContent',
  428: 'PreconditionRequired',
  429: 'TooManyRequests',
  431: 'HeadersTooLarge',
  500: 'InternalError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

const successTexts: Readonly<Record<string, string>> = {
  200: 'Success',
  201: 'Created',
  202: 'Accepted: the work goes on after the answer',
  204: 'Done; the answer has no body',
  302: 'Go to the address in `Location`',
  304: 'Not modified: the representation that the caller has is current',
  503: 'Unavailable',
};

const bytes: Json = { type: 'string', format: 'binary' };

/** The schema describes JSON and forms. Other media types are texts or bytes. */
export const contentOf = (types: readonly string[], schema: Json): Record<string, Json> =>
  Object.fromEntries(
    types.map((type) => {
      if (type.startsWith('text/')) return [type, { schema: { type: 'string' } }];
      return [type, { schema: isJsonType(type) || type === formType ? schema : bytes }];
    }),
  );

/** A file, as it is or as the only part of a form. */
export const fileContentOf = (types: readonly string[]): Record<string, Json> =>
  Object.fromEntries(
    types.map((type) => {
      const form = { type: 'object', required: ['file'], properties: { file: bytes } };
      return [type, { schema: type === multipartType ? form : bytes }];
    }),
  );

/** What the problem documents of a route are. Each kind has its own shared responses. */
type Kind = { readonly prefix: string; readonly schema: z.ZodType; readonly mediaType: string };

const usualKind: Kind = { prefix: '', schema: problemSchema, mediaType: 'application/problem+json' };
const oauthKind: Kind = { prefix: 'OAuth', schema: oauthErrorSchema, mediaType: 'application/json' };

/** Only the codes that a route adds itself have its additional members. */
const kindOf = ({ errorFormat, problemMembers, errors }: Route, codes: readonly ErrorCode[]): Kind => {
  if (errorFormat === 'oauth') return oauthKind;
  if (problemMembers === undefined || !codes.some((code) => errors.some((own) => own === code))) return usualKind;
  const prefix = problemMembers.meta()?.title ?? 'Extended';
  const schema = problemSchema.extend(problemMembers.shape).meta({ id: `${prefix}Problem` });
  return { ...usualKind, prefix, schema };
};

export type SharedResponses = {
  /** A reference to the response of the route for this status, with the codes that this route can answer. */
  readonly refer: (route: Route, status: number, codes: readonly ErrorCode[]) => Json;
  readonly all: () => Json;
};

/** The error responses of all operations. Each exists once, and operations refer to it. */
export const createSharedResponses = (components: Components): SharedResponses => {
  const responses = new Map<string, Json>();

  const responseOf = (route: Route, kind: Kind, codes: readonly ErrorCode[]): Json => {
    const retryable = codes.some((code) => errorTable[code].retryable);
    return {
      description: codes.map((code) => `\`${code}\`: ${errorTable[code].title}`).join('; '),
      headers: {
        ...usualHeaders({ ...route, rateLimit: 'caller' }),
        ...(retryable && { 'Retry-After': headerRef('RetryAfter') }),
        ...(codes.some((code) => errorTable[code].status === 401) && {
          'WWW-Authenticate': headerRef('WwwAuthenticate'),
        }),
      },
      content: { [kind.mediaType]: { schema: components.schemaOf(kind.schema, 'output') } },
    };
  };

  return {
    refer: (route, status, codes) => {
      // The answers of a deprecated route have headers that the shared ones lack.
      const kind = kindOf(route, codes);
      if (route.deprecated) return responseOf(route, kind, codes);
      const name = `${kind.prefix}${names[status] ?? `Status${status}`}`;
      const ofStatus = errorCodes.filter((code) => errorTable[code].status === status);
      if (!responses.has(name)) responses.set(name, responseOf(route, kind, ofStatus));
      return {
        $ref: `#/components/responses/${name}`,
        description: codes.map((code) => `\`${code}\``).join(', '),
      };
    },
    all: () => Object.fromEntries([...responses].toSorted(([one], [other]) => (one < other ? -1 : 1))),
  };
};

/** The answer of a list has the name of its items. */
const answerOf = (schema: z.ZodType): z.ZodType => {
  if (!(schema instanceof z.ZodObject) || !(schema.shape['data'] instanceof z.ZodArray)) return schema;
  const id = z.globalRegistry.get(schema.shape['data'].element as z.ZodType)?.id;
  return id === undefined ? schema : schema.meta({ id: `${id}List` });
};

/** The responses of an operation by status. */
export const responsesOf = (route: Route, components: Components, shared: SharedResponses): Record<string, Json> => {
  const responses: Record<string, Json> = {};
  const usual = usualHeaders(route);
  for (const [status, schema] of Object.entries(route.responses)) {
    const created = status === '201' || status === '302';
    responses[status] = {
      description: successTexts[status] ?? 'Success',
      headers: {
        ...usual,
        ...(route.etag && { ETag: headerRef('ETag') }),
        ...(created && { Location: headerRef('Location') }),
      },
      ...(schema && {
        content: contentOf(
          [route.produces ?? 'application/json'].flat(),
          components.schemaOf(answerOf(schema), 'output'),
        ),
      }),
    };
  }
  if (route.etag) responses['304'] = { description: successTexts[304], headers: usual };
  const byStatus = Map.groupBy(errorsOf(route), (code) => errorTable[code].status);
  for (const [status, codes] of byStatus) {
    if (responses[status] !== undefined) continue;
    responses[status] = shared.refer(route, status, codes);
  }
  return responses;
};
