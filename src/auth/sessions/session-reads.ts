import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { UsageLog } from '../api-keys/usage-log.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import type { User } from '../users/users.ts';
import type { Sessions } from './session.ts';

export type SessionReadsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly usage: UsageLog;
  /** A session without use for this time ends. */
  readonly idleSeconds: number;
};

type Row = User & { readonly session_id: string };

/** Reads that change nothing, so they need no transaction. SQL, because each request with a session needs one. */
export const createSessionReads = (deps: SessionReadsDeps): Pick<Sessions, 'authenticate'> => {
  const { reader, clock, usage, idleSeconds } = deps;
  return {
    authenticate: async (token) => {
      const now = clock.now();
      const [found] = await reader.query<Row>(
        `select session.id as session_id, account.id, account.email, account.role, account.scopes
         from user_session as session join user_account as account on account.id = session.user_id
         where session.token_hash = $1 and session.expires_at > $2 and session.seen_at > $3`,
        [tokenDigest(token), now, new Date(now.getTime() - idleSeconds * 1000)],
      );
      if (!found) return undefined;
      usage.note(found.session_id, now);
      const { session_id: sessionId, id: subject, email, role, scopes } = found;
      return { kind: 'user', subject, email, role, scopes, sessionId };
    },
  };
};
