import { AppError } from '#src/kernel/catalogue/errors.ts';
import { scopes, type Scope } from '#src/kernel/requests/principal.ts';

/**
 * The scopes asked for, or all that are held when none is asked for.
 * @param asked space-separated (RFC 6749 section 3.3)
 * @throws AppError `oauth_request_invalid` (`invalid_scope`) when one is not held
 */
export const narrowed = (held: readonly Scope[], asked: string | undefined): readonly Scope[] => {
  if (!asked) return held;
  const wanted = new Set(asked.split(' '));
  const granted = scopes.filter((scope) => wanted.has(scope) && held.includes(scope));
  if (granted.length !== wanted.size) {
    throw new AppError('oauth_request_invalid', 'A scope is asked for that is not held', {
      oauthError: 'invalid_scope',
    });
  }
  return granted;
};
