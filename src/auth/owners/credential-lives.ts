import type { StoringCaller } from '#src/kernel/ports/owners.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { apiKeyRefused } from '../api-keys/key-refusal.ts';
import { credentialsMissing, tokenRefused } from '../tokens/token-refusal.ts';
import { isTokenEnded } from './owner-refusal.ts';
import { tokenEndColumns, tokenEndsOf, type TokenEndsRow } from './token-ends.ts';

/**
 * Reads the session, the API key or the revocation of the token of a caller in the transaction of `query`. An access token is looked up
 * among the revoked ones, and one of the earlier system among those that were ended by their time of issue.
 * @throws AppError `credentials_missing` for an ended session, `api_key_invalid` for a revoked key, `token_revoked`, as at the
 * authentication
 */
export const assertCredentialLives = async (query: Query, caller: StoringCaller): Promise<void> => {
  const { kind, subject, sessionId, tokenId, tokenFormat } = caller;
  if (sessionId !== undefined) {
    const sessions = await query('select 1 from user_session where id = $1', [sessionId]);
    if (sessions.length === 0) throw credentialsMissing();
  }
  if (tokenId !== undefined) {
    const revoked = await query('select 1 from revoked_token where token_id = $1', [tokenId]);
    if (revoked.length > 0) throw tokenRefused('token_revoked');
  }
  if (tokenFormat === 'legacy') {
    const [ends] = await query<TokenEndsRow>(
      `select ${tokenEndColumns} from owner_end where owner_kind = 'user' and owner_id = $1`,
      [subject],
    );
    if (isTokenEnded(caller, tokenEndsOf(ends))) throw tokenRefused('token_revoked');
  }
  if (kind === 'api_key') {
    const keys = await query('select 1 from api_key where id = $1 and revoked_at is null', [subject]);
    if (keys.length === 0) throw apiKeyRefused();
  }
};
