import type { z } from 'zod';
import type { RouteErrorCode } from '../catalogue/errors.ts';
import type { Deprecation } from './deprecation.ts';
import type { Scope } from './principal.ts';
import type { RequestContext } from './request-context.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Which callers are allowed: all, all authenticated callers, or callers whose credentials have the scope. `optional`
 * allows all callers too, and checks credentials if the request has some: then the limits of their owner apply and not
 * those of the address. Such a route must not change anything, because it needs no CSRF token. An exception is a change that needs a
 * secret in the request.
 *
 * A user gives a token with fewer scopes to a program. Such a token must not manage what the user has, because it could make credentials that outlive
 * it. So a change of a caller with credentials says which it is: `account` and `{ scope, account }` refuse a token with fewer scopes than its user;
 * `program` is for the work of programs, for the documents of the user, and for the end of the own token. A change with `authenticated` lets the start fail.
 */
export type AuthPolicy =
  | 'public'
  | 'optional'
  | 'authenticated'
  | 'program'
  | 'account'
  | { readonly scope: Scope; readonly account?: true };

/** Whether a token that was made with fewer scopes than its user holds is refused. */
export const managesAccount = (auth: AuthPolicy): boolean =>
  auth === 'account' || (typeof auth === 'object' && auth.account === true);

/**
 * What a request takes a point of: nothing, the limit of its caller (of its address while the caller is not known),
 * the limit of sign-ins of its address (and of its caller, if the caller is known), or the limits of its caller and of the
 * calls to Google that its owner and its address begin. `recovery`, and `login` for a known caller: above the limit of a signed-in caller, a
 * small limit of its owner at one address, so that it can end credentials that somebody else uses. A limit is shared by all routes.
 */
export type RateLimitRule = 'none' | 'caller' | 'login' | 'recovery' | 'calendar';

/** Classes of routes. The requests of each class have a max number of their own that are worked on at once. */
export const loadClasses = ['pricing', 'batch', 'read', 'write'] as const;
export type LoadClass = (typeof loadClasses)[number];

/**
 * Which body-size limit applies: `default` is BODY_LIMIT_BYTES, `document` is DOCUMENT_BODY_LIMIT_BYTES, `batch` is
 * BATCH_BODY_LIMIT_BYTES, `chunk` is PRICING_JOB_CHUNK_BYTES. JSON of the last two must be read by a pricing process, because the
 * event loop would stand still meanwhile.
 */
export type BodyLimit = 'default' | 'document' | 'batch' | 'chunk';

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

/** `null` means an answer without a body. */
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
  /**
   * Path below the base path, or from the root with `atRoot`; parameters are `{name}`. It is also the metric label and,
   * with the method, the span name.
   */
  readonly path: `/${string}`;
  readonly atRoot?: boolean;
  readonly tag: string;
  readonly summary: string;
  /** More about the route than the summary, in Markdown, for OpenAPI. */
  readonly description?: string;
  /** Clients should leave this route: shown in OpenAPI, in the headers of its answers and in a metric. */
  readonly deprecated?: Deprecation;
  readonly auth: AuthPolicy;
  readonly rateLimit: RateLimitRule;
  /** A GET route that leaves something stored, such as an event that counts in a quota. A page of another site can ask for it with an image. */
  readonly storesOnGet?: true;
  /**
   * The class whose limit counts this route. `none`: never refused because of load. That is for health, because a busy
   * process must not look dead, and for sign-in and tokens, because no other route is of use without them.
   */
  readonly load: LoadClass | 'none';
  /** The handler limits its expensive work with places of its own, so large pages and bodies of this route take no other place. */
  readonly ownPlaces?: true;
  /**
   * The parameters of a list with which its statement looks at many rows that are not in the answer. A request with one of them takes the
   * place of a large page. Default: `from` and `to`. `always`: each request does, because one object can be as large as a large page.
   */
  readonly scansBy?: readonly string[] | 'always';
  readonly request: R;
  /** Media types of the body that are accepted. Default: `application/json`. */
  readonly consumes?: readonly string[];
  /** What to send as the body, in words; part of the message for a wrong media type. */
  readonly bodyHint?: string;
  /** Media types of the answer; the first is used if the reply has no content type. Default: `application/json`. */
  readonly produces?: string | readonly string[];
  /** The handler gets the body as bytes, for every media type. */
  readonly rawBody?: true;
  /**
   * The handler gets a `BodyStream` and reads the body while it arrives. `multipart/form-data` in `consumes` means a form
   * with one file.
   */
  readonly streamBody?: true;
  readonly bodyLimit?: BodyLimit;
  readonly responses: S;
  /** The codes that this route adds to those that the http room adds by its declaration; for OpenAPI. */
  readonly errors: readonly RouteErrorCode[];
  /**
   * Members that the problem documents of this route can have in addition (`members` of an AppError), for OpenAPI. The
   * `title` of the schema begins the name of its problem.
   */
  readonly problemMembers?: z.ZodObject;
  /**
   * A matching If-None-Match is answered with 304. `weak`: the answer has a weak ETag of the body. `handler`: the handler
   * sets a strong ETag that no other answer of the service has. `version`: the handler sets a version that If-Match names, and
   * the ETag has a digest of the body too. Callers who share a browser can have the same version of different resources.
   */
  readonly etag?: 'weak' | 'handler' | 'version';
  /**
   * Names in the query that are not declared are ignored, whatever the setting for GET routes says. For routes that clients
   * call with tracking or cache parameters and that must answer all the same.
   */
  readonly unknownQuery?: 'ignore';
  /**
   * The query has the parameter `fields` (see `fieldsQuery`), which selects members. `true`: of each object in `data` of a
   * list, or of the resource itself. A name: of each object in the member of this name.
   */
  readonly fields?: true | string;
  /**
   * Supports `Idempotency-Key`. The caller must be authenticated, and the answer must contain no secret, because it is
   * stored.
   */
  readonly idempotency?: true;
  /**
   * The identity of what the path names, if another one can get the same name. With it, a key for the former one is refused as reused and
   * does not repeat its answer. It is called only for requests with a key.
   */
  readonly idempotentFor?: (head: Omit<Input<NoInfer<R>>, 'body'>) => Promise<string>;
  /** `oauth`: errors are RFC 6749 `application/json` and also have the members of a problem. Default: `problem`. */
  readonly errorFormat?: 'problem' | 'oauth';
  /**
   * Refuses a request by its head. It is called only for clients that wait for `100 Continue`, with valid path, query and
   * headers, so that they do not send a body that is refused anyway. The handler makes the same checks.
   * @throws AppError
   */
  readonly checkHead?: (head: Omit<Input<NoInfer<R>>, 'body'>) => void;
  /** @throws AppError for every refusal */
  readonly handler: (input: Input<NoInfer<R>>) => Promise<Reply<NoInfer<S>>>;
};

/** A declared route without its specific types, as the http room uses it. */
export type Route = Omit<
  RouteDeclaration<RequestSchemas, ResponseSchemas>,
  'handler' | 'checkHead' | 'idempotentFor'
> & {
  readonly checkHead?: (head: Omit<Input<RequestSchemas>, 'body'>) => void;
  readonly idempotentFor?: (head: Omit<Input<RequestSchemas>, 'body'>) => Promise<string>;
  readonly handler: (input: Input<RequestSchemas>) => Promise<{
    readonly status: number;
    readonly body: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  }>;
};

/** Declares a route. The compiler checks the handler against the schemas; the result has no specific types. */
export const defineRoute = <const R extends RequestSchemas, const S extends ResponseSchemas>(
  declaration: RouteDeclaration<R, S>,
): Route => declaration;
