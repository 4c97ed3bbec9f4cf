/**
 * The table of all errors. HTTP status, problem document, metric label, log field, span attribute `error.type`, OpenAPI
 * responses, alerts and runbook anchors come from this table.
 */

import type { AbuseKind } from './abuse.ts';

export const errorCategories = [
  'validation',
  'authentication',
  'authorization',
  'not_found',
  'conflict',
  'rate_limit',
  'pricing',
  'database',
  'external_api',
  'overload',
  'internal',
] as const;
export type ErrorCategory = (typeof errorCategories)[number];

export type ErrorDefinition = {
  readonly status: number;
  readonly category: ErrorCategory;
  readonly title: string;
  /** Whether the same request, unchanged, may succeed later. */
  readonly retryable: boolean;
};

const row = <Category extends ErrorCategory>(
  status: number,
  category: Category,
  title: string,
  retryable = false,
): ErrorDefinition & { readonly category: Category } => ({
  status,
  category,
  title,
  retryable,
});

export const errorTable = {
  validation_failed: row(422, 'validation', 'The request breaks its schema'),
  malformed_body: row(400, 'validation', 'The body cannot be parsed'),
  malformed_request: row(400, 'validation', 'The HTTP request cannot be parsed'),
  upload_refused: row(422, 'validation', 'Rows of the uploaded file are refused'),
  unsupported_media_type: row(415, 'validation', 'The media type is not supported'),
  body_unexpected: row(400, 'validation', 'The route takes no body'),
  payload_too_large: row(413, 'validation', 'The body is too large'),
  uri_too_long: row(414, 'validation', 'The request target is too long'),
  headers_too_large: row(431, 'validation', 'The header section is too large'),
  request_timeout: row(408, 'validation', 'The request did not arrive in time', true),
  not_acceptable: row(406, 'validation', 'No acceptable representation'),
  calendar_state_invalid: row(400, 'validation', 'The state of the calendar consent is not valid'),
  calendar_code_invalid: row(400, 'validation', 'Google refused the authorization code'),
  account_token_invalid: row(400, 'validation', 'The token of the message is not valid'),
  oauth_request_invalid: row(400, 'validation', 'The token request is refused'),

  route_not_found: row(404, 'not_found', 'No such route'),
  calendar_not_configured: row(404, 'not_found', 'The service has no calendar'),
  mail_not_configured: row(404, 'not_found', 'The service sends no mail'),
  resource_not_found: row(404, 'not_found', 'No such resource'),
  method_not_allowed: row(405, 'not_found', 'The method is not allowed here'),

  credentials_missing: row(401, 'authentication', 'Credentials are missing'),
  token_expired: row(401, 'authentication', 'The token has expired'),
  token_not_yet_valid: row(401, 'authentication', 'The token is not valid yet'),
  token_signature_invalid: row(401, 'authentication', 'The token signature is invalid'),
  token_malformed: row(401, 'authentication', 'The token is malformed'),
  token_audience_mismatch: row(401, 'authentication', 'The token is for another audience'),
  token_issuer_mismatch: row(401, 'authentication', 'The token is from another issuer'),
  token_type_invalid: row(401, 'authentication', 'The token is of the wrong type'),
  token_algorithm_not_allowed: row(401, 'authentication', 'The token algorithm is not allowed'),
  token_key_unknown: row(401, 'authentication', 'The token key is unknown'),
  token_claim_missing: row(401, 'authentication', 'The token lacks a claim'),
  token_revoked: row(401, 'authentication', 'The token is revoked'),
  token_user_unknown: row(401, 'authentication', 'The user of the token has no account here'),
  credentials_invalid: row(401, 'authentication', 'Wrong e-mail or password'),
  second_factor_required: row(401, 'authentication', 'A code of the second factor is required'),
  second_factor_invalid: row(401, 'authentication', 'Wrong code of the second factor'),
  client_credentials_invalid: row(401, 'authentication', 'Wrong client credentials'),
  api_key_invalid: row(401, 'authentication', 'Wrong API key'),
  credential_owner_gone: row(401, 'authentication', 'The owner of the credential is gone or disabled'),
  auth_service_error: row(500, 'internal', 'The authentication service failed', true),

  session_cross_site: row(403, 'authorization', 'A page of another site cannot use a session'),
  session_insecure: row(403, 'authorization', 'A page that came over plain HTTP cannot use a session'),
  reauthentication_required: row(403, 'authorization', 'A recent sign-in is required'),
  scope_insufficient: row(403, 'authorization', 'The token lacks the scope'),
  calendar_consent_denied: row(403, 'authorization', 'Access to the calendar was not granted'),
  csrf_token_invalid: row(403, 'authorization', 'The CSRF token is missing or wrong'),

  idempotency_key_reused: row(422, 'conflict', 'The idempotency key was used with another body'),
  idempotency_in_progress: row(409, 'conflict', 'The first request with this idempotency key still runs', true),
  precondition_required: row(428, 'conflict', 'If-Match is required'),
  precondition_failed: row(412, 'conflict', 'The resource has changed'),
  universe_managed_by_file: row(409, 'conflict', 'UNIVERSES_FILE has this universe; change the file'),
  email_not_verified: row(409, 'conflict', 'The e-mail address of the account is not verified'),
  second_factor_enabled: row(409, 'conflict', 'A second factor is already enabled'),
  last_administrator: row(409, 'conflict', 'The change would leave no administrator'),
  series_source_conflict: row(
    409,
    'conflict',
    'A symbol has prices from another source, with another interval or of another provider_symbol',
  ),
  index_not_calculated: row(
    409,
    'conflict',
    'The values of the index are not calculated from its definition and prices yet',
    true,
  ),
  email_taken: row(409, 'conflict', 'Another account has this e-mail address'),
  refresh_in_progress: row(409, 'conflict', 'A refresh of this universe already runs', true),
  calendar_not_connected: row(409, 'conflict', 'No calendar is connected'),
  calendar_reauthorization_required: row(409, 'conflict', 'The calendar must be connected again'),
  calendar_sync_in_progress: row(409, 'conflict', 'Other syncs of this calendar are in progress', true),

  rate_limit_exceeded: row(429, 'rate_limit', 'Over the rate limit', true),
  quota_exceeded: row(429, 'rate_limit', 'A quota of stored data is reached', true),
  concurrency_limit_exceeded: row(429, 'rate_limit', 'Too many requests of this caller are in progress', true),

  pricing_model_unknown: row(400, 'pricing', 'Unknown pricing model'),
  pricing_calculation_failed: row(422, 'pricing', 'The calculation failed'),
  pricing_work_too_large: row(422, 'pricing', 'The calculation would take too long'),
  pricing_engine_unavailable: row(500, 'pricing', 'The pricing engine could not be built', true),

  database_unavailable: row(503, 'database', 'The database is unavailable', true),
  database_pool_exhausted: row(503, 'database', 'All database connections are in use', true),
  database_timeout: row(503, 'database', 'The database did not answer in time', true),
  database_conflict: row(503, 'database', 'Concurrent transactions kept conflicting', true),
  database_schema_outdated: row(503, 'database', 'The database schema is behind this feature', true),

  external_api_bad_response: row(502, 'external_api', 'An external API gave a bad answer', true),
  external_api_unavailable: row(503, 'external_api', 'An external API is unavailable', true),
  external_api_timeout: row(504, 'external_api', 'An external API did not answer in time', true),

  overloaded: row(503, 'overload', 'The service is overloaded', true),
  shutting_down: row(503, 'overload', 'The service is shutting down', true),

  calendar_token_unreadable: row(500, 'internal', 'A stored calendar token cannot be decrypted'),
  internal_error: row(500, 'internal', 'Internal error'),
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorTable;
type CodeOfCategory<Category extends ErrorCategory> = {
  [Code in ErrorCode]: (typeof errorTable)[Code]['category'] extends Category ? Code : never;
}[ErrorCode];

/** The codes that only routes which sign in answer. */
export const signInErrorCodes = [
  'credentials_invalid',
  'client_credentials_invalid',
  'second_factor_required',
  'second_factor_invalid',
] as const satisfies readonly ErrorCode[];
type SignInErrorCode = (typeof signInErrorCodes)[number];

/** The codes that the http room adds to a route because of the rest of its declaration, never the route itself. */
type HttpErrorCode =
  | CodeOfCategory<'database' | 'internal'>
  | Exclude<CodeOfCategory<'authentication'>, SignInErrorCode>
  | 'validation_failed'
  | 'malformed_body'
  | 'malformed_request'
  | 'unsupported_media_type'
  | 'body_unexpected'
  | 'payload_too_large'
  | 'uri_too_long'
  | 'headers_too_large'
  | 'request_timeout'
  | 'not_acceptable'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'csrf_token_invalid'
  | 'idempotency_key_reused'
  | 'idempotency_in_progress'
  | 'rate_limit_exceeded'
  | 'concurrency_limit_exceeded';
/** What a route may declare as its own. */
export type RouteErrorCode = Exclude<ErrorCode, HttpErrorCode> | 'auth_service_error' | 'calendar_token_unreadable';
export const errorCodes = Object.keys(errorTable) as ErrorCode[];

export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(errorTable, value);

/**
 * One faulty member of a request. `pointer` is a JSON Pointer into the body, or `query.NAME`, `path.NAME`,
 * `header.NAME`.
 */
export type FieldError = { readonly pointer: string; readonly code: string; readonly detail: string };

/** Max field errors of one request that are shown. */
export const maxShownErrors = 20;

export type AppErrorOptions = {
  readonly cause?: unknown;
  /** The first 20 are kept. */
  readonly errors?: readonly FieldError[];
  /** Number of field errors, if `errors` has not all of them. */
  readonly errorsTotal?: number;
  /** Seconds; becomes `Retry-After`. */
  readonly retryAfter?: number;
  /** Additional response headers, for example `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Extension members (RFC 9457) of the problem document. The route declares them as `problemMembers`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** The `error` (RFC 6749) in the answer of a token endpoint, if it does not follow from the code. */
  readonly oauthError?: OAuthError;
  /** The refusal protects other callers. The code that answers it must report it as this kind. */
  readonly abuse?: AbuseKind;
};

export const oauthErrors = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
] as const;
export type OAuthError = (typeof oauthErrors)[number];

/**
 * The error class for all expected errors. The caller sees `detail`, so it must not contain a secret or a literal of a
 * statement.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** The field errors that are shown. The rest is not kept, because an error stays in memory until its client has the answer. */
  readonly errors: readonly FieldError[] | undefined;
  readonly errorsTotal: number;
  readonly retryAfter: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;
  readonly oauthError: OAuthError | undefined;
  readonly abuse: AbuseKind | undefined;

  constructor(code: ErrorCode, detail?: string, options: AppErrorOptions = {}) {
    super(detail ?? errorTable[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors?.slice(0, maxShownErrors);
    this.errorsTotal = options.errorsTotal ?? options.errors?.length ?? 0;
    this.retryAfter = options.retryAfter;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
    this.oauthError = options.oauthError;
    this.abuse = options.abuse;
  }

  get definition(): ErrorDefinition {
    return errorTable[this.code];
  }
}

/** Returns the error code of any thrown value: the code of an AppError, else `internal_error`. */
export const codeOf = (error: unknown): ErrorCode => (error instanceof AppError ? error.code : 'internal_error');
