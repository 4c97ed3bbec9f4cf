import { AppError } from '#src/kernel/catalogue/errors.ts';
import { scopes, type Scope } from '#src/kernel/requests/principal.ts';

/**
 * The granted scopes: the requested scopes, or all held scopes when the request names none.
 * @param requested space-separated (RFC 6749 section 3.3)
 * @throws AppError `oauth_request_invalid` (`invalid_scope`) for a requested scope that is not held
 */
export const narrowed = (held: readonly Scope[], requested: string | undefined): readonly Scope[] => {
  if (!requested) return held;
  const wanted = new Set(requested.split(' '));
  const granted = scopes.filter((scope) => wanted.has(scope) && held.includes(scope));
  if (granted.length !== wanted.size) {
    throw new AppError('oauth_request_invalid', 'The request names a scope that the caller does not hold', {
      oauthError: 'invalid_scope',
    });
  }
  return granted;
};
