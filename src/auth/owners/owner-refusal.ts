import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { OwnerStanding, TokenEnds } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';

const goneDetail = 'The user or client that this credential belongs to is deleted, disabled or revoked';
const unverifiedDetail =
  'The address of the user that this credential belongs to is not verified yet. The message of the registration has a token for it; POST /account/password-reset sends another one';

export const ownerGone = (kind: Principal['kind'], standing: OwnerStanding): AppError => {
  const detail = standing.state === 'gone' && standing.unverified ? unverifiedDetail : goneDetail;
  return new AppError('credential_owner_gone', detail, {
    headers: {
      'WWW-Authenticate':
        kind === 'api_key' ? 'ApiKey realm="volwatch"' : `Bearer error="invalid_token", error_description="${detail}"`,
    },
  });
};

/** Whether the access token of a caller was issued before all tokens of its owner were ended. */
export const isTokenEnded = (
  { tokenId, tokenIssuedAt = 0, tokenFormat }: Pick<Principal, 'tokenId' | 'tokenIssuedAt' | 'tokenFormat'>,
  { tokensEndedAt, legacyTokensEndedAt, legacyTokenKept }: TokenEnds,
): boolean => {
  const isUntil = (end: number | undefined): boolean => end !== undefined && tokenIssuedAt <= end;
  if (tokenId === undefined) return false;
  return (
    isUntil(tokensEndedAt) || (tokenFormat === 'legacy' && tokenId !== legacyTokenKept && isUntil(legacyTokensEndedAt))
  );
};
