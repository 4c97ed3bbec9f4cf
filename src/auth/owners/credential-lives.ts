import type { StoringCaller } from '#src/kernel/ports/owners.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { apiKeyRefused } from '../api-keys/key-refusal.ts';
import { credentialsMissing } from '../tokens/token-refusal.ts';

/**
 * Reads the session or the API key of a caller in the transaction of `query`. Access tokens have no row of their own; their
 * end is a time of their owner.
 * @throws AppError `credentials_missing` for an ended session, `api_key_invalid` for a revoked key, as at the authentication
 */
export const assertCredentialLives = async (
  query: Query,
  { kind, subject, sessionId }: Pick<StoringCaller, 'kind' | 'subject' | 'sessionId'>,
): Promise<void> => {
  if (sessionId !== undefined) {
    const sessions = await query('select 1 from user_session where id = $1', [sessionId]);
    if (sessions.length === 0) throw credentialsMissing();
  }
  if (kind === 'api_key') {
    const keys = await query('select 1 from api_key where id = $1 and revoked_at is null', [subject]);
    if (keys.length === 0) throw apiKeyRefused();
  }
};
