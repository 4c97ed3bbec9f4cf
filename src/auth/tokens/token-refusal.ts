import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';

export type TokenErrorCode = Extract<ErrorCode, `token_${string}`>;

/** The names in `detail`. Callers of earlier systems depend on them. */
export const tokenErrorNames = {
  token_expired: 'ExpiredTokenError',
  token_not_yet_valid: 'NotYetValidTokenError',
  token_signature_invalid: 'InvalidSignatureError',
  token_malformed: 'MalformedTokenError',
  token_audience_mismatch: 'AudienceMismatchError',
  token_issuer_mismatch: 'IssuerMismatchError',
  token_type_invalid: 'InvalidTokenTypeError',
  token_algorithm_not_allowed: 'AlgorithmNotAllowedError',
  token_key_unknown: 'UnknownKeyError',
  token_claim_missing: 'MissingClaimError',
  token_revoked: 'RevokedTokenError',
  token_user_unknown: 'UnknownUserError',
} as const satisfies Record<TokenErrorCode, string>;

export const isTokenCode = (code: ErrorCode): code is TokenErrorCode => Object.hasOwn(tokenErrorNames, code);

/** 401 with the challenge `invalid_token` of RFC 6750. */
export const tokenRefused = (code: TokenErrorCode): AppError => {
  const detail = `Invalid or expired token: ${tokenErrorNames[code]}`;
  return new AppError(code, detail, {
    headers: { 'WWW-Authenticate': `Bearer error="invalid_token", error_description="${detail}"` },
  });
};

/** 401 with a challenge without `error`, as RFC 6750 section 3.1 requires for a request without a token. */
export const credentialsMissing = (): AppError =>
  new AppError('credentials_missing', 'This route needs a bearer token, an API key or a session', {
    headers: { 'WWW-Authenticate': 'Bearer' },
  });

/** 403: the caller is authenticated, but lacks a scope. */
export const scopeInsufficient = (needed: readonly Scope[], detail: string): AppError =>
  new AppError('scope_insufficient', detail, {
    headers: {
      'WWW-Authenticate':
        `Bearer error="insufficient_scope", error_description="${detail}"` +
        (needed.length > 0 ? `, scope="${needed.join(' ')}"` : ''),
    },
  });
