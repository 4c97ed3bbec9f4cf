import type { Clock } from '#src/kernel/ports/clock.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import type { UsageLog } from '../api-keys/usage-log.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import type { User } from '../users/users.ts';
import type { Sessions } from './session.ts';

export type SessionReadsDeps = {
  readonly reader: Reader;
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: Pick<TaggedSecrets, 'isOurs'>;
  readonly clock: Clock;
  readonly usage: UsageLog;
  readonly roles: Roles;
  /** A session without use for this time ends. */
  readonly idleSeconds: number;
};

type Row = User & { readonly session_id: string };

/** Reads that change nothing, so they need no transaction. SQL, because each request with a session needs one. */
export const createSessionReads = (deps: SessionReadsDeps): Pick<Sessions, 'authenticate'> => {
  const { reader, lookups, taggedSecrets, clock, usage, roles, idleSeconds } = deps;

  const find = async (token: string, now: Date): Promise<Row | undefined> => {
    const [found] = await reader.query<Row>(
      `select session.id as session_id, account.id, account.email, account.role, account.scopes
       from user_session as session join user_account as account on account.id = session.user_id
       where session.token_hash = $1 and session.expires_at > $2 and session.seen_at > $3`,
      [tokenDigest(token), now, new Date(now.getTime() - idleSeconds * 1000)],
    );
    return found;
  };

  return {
    authenticate: async (token) => {
      const now = clock.now();
      const lookup = { kind: 'session', secret: token, isOurs: taggedSecrets.isOurs(token) } as const;
      const found = await lookups.run(lookup, () => find(token, now));
      if (!found) return undefined;
      usage.note(found.session_id, now);
      const { session_id: sessionId, id: subject, email, role } = found;
      return { kind: 'user', subject, email, role, scopes: heldScopes(roles, found), sessionId };
    },
  };
};
