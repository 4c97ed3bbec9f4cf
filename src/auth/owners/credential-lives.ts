import type { StoringCaller } from '#src/kernel/ports/owners.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { apiKeyRefused } from '../api-keys/key-refusal.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { credentialsMissing, scopeInsufficient, tokenRefused } from '../tokens/token-refusal.ts';
import { isTokenEnded } from './owner-refusal.ts';
import { tokenEndColumns, tokenEndsOf, type TokenEndsRow } from './token-ends.ts';

/**
 * Reads the session, the API key or the revocation of the token of a caller in the transaction of `query`. An access token is looked up
 * among the revoked ones, and one of the earlier system among those that were ended by their time of issue. The scopes and the end of an API key can change,
 * by a narrowing or a rotation; those of a token cannot, and its end by age is that of its requests and not of work that they began.
 * @param scope one that the credential must have now
 * @throws AppError `credentials_missing` for an ended session, `api_key_invalid` for a revoked or expired key, `token_revoked`, as at the
 * authentication; `scope_insufficient` for a key that has lost the scope
 */
export const assertCredentialLives = async (query: Query, caller: StoringCaller, scope?: Scope): Promise<void> => {
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
    // Not now(), which is the begin of a transaction that can take half an hour.
    const [key] = await query<{ scopes: Scope[] }>(
      `select scopes from api_key
       where id = $1 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())`,
      [subject],
    );
    if (!key) throw apiKeyRefused();
    if (scope && !key.scopes.includes(scope)) {
      throw scopeInsufficient([scope], `The API key does not have the scope ${scope} any more`);
    }
  }
};
