import {
  errorCodes,
  errorTable,
  signInErrorCodes,
  type ErrorCategory,
  type ErrorCode,
} from '#src/kernel/catalogue/errors.ts';
import { managesAccount, type Route } from '#src/kernel/requests/route.ts';

type Rules = Pick<
  Route,
  'request' | 'idempotency' | 'atRoot' | 'auth' | 'method' | 'storesOnGet' | 'rateLimit' | 'load' | 'errorFormat'
>;

const ofCategory = (category: ErrorCategory): ErrorCode[] =>
  errorCodes.filter((code) => errorTable[code].category === category);

const always: readonly ErrorCode[] = [
  'internal_error',
  'not_acceptable',
  'malformed_request',
  'uri_too_long',
  'headers_too_large',
];
const withBody: readonly ErrorCode[] = [
  'malformed_body',
  'unsupported_media_type',
  'payload_too_large',
  'request_timeout',
];
const withIdempotency: readonly ErrorCode[] = ['idempotency_key_reused', 'idempotency_in_progress', 'quota_exceeded'];
const withLoad: readonly ErrorCode[] = ['overloaded', 'concurrency_limit_exceeded'];
const signInErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>(signInErrorCodes);
const withCaller: readonly ErrorCode[] = [
  ...ofCategory('authentication').filter((code) => !signInErrors.has(code)),
  'auth_service_error',
];
/** Nearly every route under the base path needs the database. */
const underBasePath = ofCategory('database');

/** The codes that a route can answer because of its declaration, without its own `errors`. */
const addedErrors = (route: Rules): ErrorCode[] => [
  ...always,
  route.errorFormat === 'oauth' ? 'oauth_request_invalid' : 'validation_failed',
  ...(route.request.body ? withBody : (['body_unexpected'] as const)),
  ...(route.idempotency ? withIdempotency : []),
  ...(route.atRoot === true ? [] : underBasePath),
  ...(route.load === 'none' ? [] : withLoad),
  ...(route.auth === 'public' ? [] : withCaller),
  ...(route.auth !== 'public' && (route.method !== 'GET' || route.storesOnGet)
    ? (['csrf_token_invalid'] as const)
    : []),
  ...(typeof route.auth === 'object' || managesAccount(route.auth) ? (['scope_insufficient'] as const) : []),
  ...(route.rateLimit === 'none' ? [] : (['rate_limit_exceeded'] as const)),
];

/** Every code that a route can answer, each once. */
export const errorsOf = (route: Route): ErrorCode[] => [...new Set([...addedErrors(route), ...route.errors])];

/**
 * A code has one source: the rest of the declaration, or `errors`.
 * @throws Error which names the codes to remove from `errors`
 */
export const checkErrors = (route: Route, template: string): void => {
  const added = new Set<ErrorCode>(addedErrors(route));
  const repeated = route.errors.filter((code) => added.has(code));
  if (repeated.length === 0) return;
  throw new Error(
    `${route.method} ${template} declares ${repeated.join(', ')}, which follows from the rest of its declaration: remove it from \`errors\``,
  );
};
