import type { z } from 'zod';
import type { ErrorCode } from '../catalogue/errors.ts';
import type { Scope } from './principal.ts';
import type { RequestContext } from './request-context.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Who may call: anyone, any authenticated caller, or one whose credentials carry the scope. */
export type AuthPolicy = 'public' | 'authenticated' | { readonly scope: Scope };

/** Closed set: the `policy` label of the limiter metrics. Limits are per subject and policy, not per route. */
export const rateLimitPolicies = ['none', 'ip', 'user', 'client', 'api_key', 'login'] as const;
export type RateLimitPolicy = (typeof rateLimitPolicies)[number];

/** Which body-size limit applies: `default` is BODY_LIMIT_BYTES, `batch` is BATCH_BODY_LIMIT_BYTES, `chunk` is PRICING_JOB_CHUNK_BYTES. */
export type BodyLimit = 'default' | 'batch' | 'chunk';

export type RequestSchemas = {
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
};

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export type Input<R extends RequestSchemas> = {
  readonly path: Parsed<R['path']>;
  readonly query: Parsed<R['query']>;
  readonly headers: Parsed<R['headers']>;
  readonly body: Parsed<R['body']>;
  readonly context: RequestContext;
};

/** `null` stands for an answer without a body. */
export type ResponseSchemas = Readonly<Record<number, z.ZodType | null>>;

type Reply<S extends ResponseSchemas> = {
  [Status in keyof S & number]: {
    readonly status: Status;
    readonly body: S[Status] extends z.ZodType ? z.input<S[Status]> : null;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[keyof S & number];

export type RouteDeclaration<R extends RequestSchemas, S extends ResponseSchemas> = {
  readonly method: Method;
  /** Under the base path unless `atRoot`; parameters as `{name}`. Also the metric label and, with the method, the span name. */
  readonly path: `/${string}`;
  readonly atRoot?: boolean;
  readonly tag: string;
  readonly summary: string;
  readonly auth: AuthPolicy;
  readonly rateLimit: RateLimitPolicy;
  readonly request: R;
  /** Media types accepted for the body; default `application/json`. */
  readonly consumes?: readonly string[];
  /** Media types answered, the first where the reply names none; default `application/json`. */
  readonly produces?: string | readonly string[];
  /** The body reaches the handler as the bytes that came, whatever their media type. */
  readonly rawBody?: true;
  readonly bodyLimit?: BodyLimit;
  readonly responses: S;
  /** The codes that this route adds to those any route can answer; for OpenAPI. */
  readonly errors: readonly ErrorCode[];
  /** `weak`: a weak ETag over the body, and 304 for a matching If-None-Match. */
  readonly etag?: 'weak';
  /** The query has `fields` (see `fieldsQuery`): the members of each object in `data` are picked by it. */
  readonly fields?: true;
  /** Honours `Idempotency-Key`: needs an authenticated caller, and an answer without secrets, for it is stored. */
  readonly idempotency?: true;
  /** `oauth`: errors are RFC 6749 `application/json` with the problem's members beside. Default `problem`. */
  readonly errorFormat?: 'problem' | 'oauth';
  /** Throws AppError for every refusal. */
  readonly handler: (input: Input<NoInfer<R>>) => Promise<Reply<NoInfer<S>>>;
};

/** A declared route with its types forgotten: what the http room works with. */
export type Route = Omit<RouteDeclaration<RequestSchemas, ResponseSchemas>, 'handler'> & {
  readonly handler: (input: Input<RequestSchemas>) => Promise<{
    readonly status: number;
    readonly body: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  }>;
};

/** The one way to declare a route: checks handler against schemas, then forgets the types. */
export const defineRoute = <const R extends RequestSchemas, const S extends ResponseSchemas>(
  declaration: RouteDeclaration<R, S>,
): Route => declaration;
