import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { newOpaqueToken, tokenDigest } from '../secrets/opaque-token.ts';
import type { UsageLog } from '../api-keys/usage-log.ts';
import type { User } from '../users/users.ts';

export type SessionsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly seen: UsageLog;
  /** From the sign-in to the end, however busy the session is. */
  readonly lifetimeSeconds: number;
  /** A session that is not used for so long ends. */
  readonly idleSeconds: number;
  /** Key of the CSRF tokens. */
  readonly csrfSecret: Uint8Array;
};

export type NewSession = { readonly token: string; readonly csrfToken: string; readonly expiresInSeconds: number };

export type Sessions = {
  /** A new session with a token of its own; the one that `previous` opened ends (no token outlives a sign-in). */
  readonly open: (transaction: Transaction, user: User, previous: string | undefined) => Promise<NewSession>;
  /** Who signed in with this token; undefined when it is unknown or its session is over. */
  readonly authenticate: (token: string) => Promise<Principal | undefined>;
  readonly end: (transaction: Transaction, sessionId: string) => Promise<void>;
  /** The token that state-changing requests of the session must show. */
  readonly csrfToken: (sessionToken: string) => string;
  readonly fits: (sessionToken: string, csrfToken: string) => boolean;
};

const prefix = 'vws_';

type Row = User & { readonly session_id: string };

export const createSessions = (deps: SessionsDeps): Sessions => {
  const { reader, clock, seen, lifetimeSeconds, idleSeconds, csrfSecret } = deps;

  const csrfToken = (sessionToken: string): string =>
    createHmac('sha256', csrfSecret).update(sessionToken).digest('base64url');

  return {
    open: async ({ query }, user, previous) => {
      const token = newOpaqueToken(prefix);
      const now = clock.now();
      if (previous !== undefined)
        await query('delete from user_session where token_hash = $1', [tokenDigest(previous)]);
      await query(
        `insert into user_session (id, token_hash, user_id, created_at, seen_at, expires_at)
         values ($1, $2, $3, $4, $4, $5)`,
        [uuidv7(), tokenDigest(token), user.id, now, new Date(now.getTime() + lifetimeSeconds * 1000)],
      );
      return { token, csrfToken: csrfToken(token), expiresInSeconds: lifetimeSeconds };
    },

    authenticate: async (token) => {
      const now = clock.now();
      const [found] = await reader.query<Row>(
        `select session.id as session_id, account.id, account.email, account.role, account.scopes
         from user_session as session join user_account as account on account.id = session.user_id
         where session.token_hash = $1 and session.expires_at > $2 and session.seen_at > $3`,
        [tokenDigest(token), now, new Date(now.getTime() - idleSeconds * 1000)],
      );
      if (!found) return undefined;
      seen.note(found.session_id, now);
      const { session_id: sessionId, id: subject, email, role, scopes } = found;
      return { kind: 'user', subject, email, role, scopes, sessionId };
    },

    end: async ({ query }, sessionId) => {
      await query('delete from user_session where id = $1', [sessionId]);
    },

    csrfToken,

    fits: (sessionToken, shown) => {
      const expected = Buffer.from(csrfToken(sessionToken));
      const given = Buffer.from(shown);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
};
