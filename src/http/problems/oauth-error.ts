import { AppError, type OAuthError } from '#src/kernel/catalogue/errors.ts';
import { sentenceOf } from '#src/kernel/requests/validation-failed.ts';

/**
 * The error of an OAuth route. RFC 6749 section 5.2 demands 400 with `invalid_request` for a missing, repeated or invalid
 * parameter, where other routes answer 422.
 */
export const toOauthError = (error: AppError): AppError =>
  error.code === 'validation_failed' && error.errors
    ? new AppError('oauth_request_invalid', sentenceOf(error.errors, error.errorsTotal), {
        errors: error.errors,
        errorsTotal: error.errorsTotal,
        oauthError: 'invalid_request',
        cause: error,
      })
    : error;

const oauthErrorOf = (error: AppError): OAuthError => {
  if (error.oauthError !== undefined) return error.oauthError;
  const { category, status } = error.definition;
  if (error.code === 'client_credentials_invalid' || error.code === 'credentials_missing') return 'invalid_client';
  if (error.code === 'scope_insufficient') return 'invalid_scope';
  if (category === 'authentication') return 'invalid_grant';
  if (status < 500 && category !== 'rate_limit') return 'invalid_request';
  return status === 503 || status === 429 ? 'temporarily_unavailable' : 'server_error';
};

/** The members of an OAuth error. `error_description` must be printable ASCII without `"` and `\` (RFC 6749, section 5.2). */
export const oauthMembers = (error: AppError, detail: unknown): Record<string, string> => ({
  error: oauthErrorOf(error),
  error_description: String(detail).replaceAll(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, "'"),
});
