import type { StoringCaller } from '#src/kernel/ports/owners.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { apiKeyRefused } from '../api-keys/key-refusal.ts';
import { credentialsMissing, tokenRefused } from '../tokens/token-refusal.ts';

/**
 * Reads the session, the API key or the revocation of the token of a caller in the transaction of `query`. An access token is looked up
 * among the revoked ones.
 * @throws AppError `credentials_missing` for an ended session, `api_key_invalid` for a revoked key, `token_revoked`, as at the
 * authentication
 */
export const assertCredentialLives = async (
  query: Query,
  { kind, subject, sessionId, tokenId }: Pick<StoringCaller, 'kind' | 'subject' | 'sessionId' | 'tokenId'>,
): Promise<void> => {
  if (sessionId !== undefined) {
    const sessions = await query('select 1 from user_session where id = $1', [sessionId]);
    if (sessions.length === 0) throw credentialsMissing();
  }
  if (tokenId !== undefined) {
    const revoked = await query('select 1 from revoked_token where token_id = $1', [tokenId]);
    if (revoked.length > 0) throw tokenRefused('token_revoked');
  }
  if (kind === 'api_key') {
    const keys = await query('select 1 from api_key where id = $1 and revoked_at is null', [subject]);
    if (keys.length === 0) throw apiKeyRefused();
  }
};
