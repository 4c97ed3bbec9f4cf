import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { CredentialLookups } from '#src/kernel/ports/credential-lookups.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/tagged-secrets.ts';
import { UserAccountEntity, UserSessionEntity } from '../entities.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import type { UsageLog } from '../api-keys/usage-log.ts';
import type { User } from '../users/users.ts';

export type SessionsDeps = {
  readonly reader: Reader;
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: TaggedSecrets;
  readonly clock: Clock;
  readonly usage: UsageLog;
  /** Max age of a session, counted from the sign-in. */
  readonly lifetimeSeconds: number;
  /** A session without use for this time ends. */
  readonly idleSeconds: number;
  /** Key of the CSRF tokens. */
  readonly csrfSecret: Uint8Array;
};

export type NewSession = { readonly token: string; readonly csrfToken: string; readonly expiresInSeconds: number };

export type Sessions = {
  /** Opens a session with a new token. The session of the token `previous` ends, so that no old token survives a sign-in. */
  readonly open: (transaction: Transaction, user: User, previous: string | undefined) => Promise<NewSession>;
  /**
   * The user of the session. Undefined: the token is unknown or its session has ended.
   * @throws AppError `rate_limit_exceeded` when many credentials of the address were refused
   */
  readonly authenticate: (token: string) => Promise<Principal | undefined>;
  readonly end: (transaction: Transaction, sessionId: string) => Promise<void>;
  /** The CSRF token that state-changing requests of the session must send. */
  readonly csrfToken: (sessionToken: string) => string;
  readonly matchesCsrfToken: (sessionToken: string, csrfToken: string) => boolean;
};

const prefix = 'vws_';

type Row = User & { readonly session_id: string };

export const createSessions = (deps: SessionsDeps): Sessions => {
  const { reader, lookups, taggedSecrets, clock, usage, lifetimeSeconds, idleSeconds, csrfSecret } = deps;

  const csrfToken = (sessionToken: string): string =>
    createHmac('sha256', csrfSecret).update(sessionToken).digest('base64url');

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
    open: async ({ em }, user, previous) => {
      const token = taggedSecrets.create(prefix);
      const now = clock.now();
      const ended = previous && (await em.findOne(UserSessionEntity, { tokenHash: tokenDigest(previous) }));
      if (ended) em.remove(ended);
      em.create(UserSessionEntity, {
        id: uuidv7(),
        tokenHash: tokenDigest(token),
        user: em.getReference(UserAccountEntity, user.id),
        createdAt: now,
        seenAt: now,
        expiresAt: new Date(now.getTime() + lifetimeSeconds * 1000),
      });
      return { token, csrfToken: csrfToken(token), expiresInSeconds: lifetimeSeconds };
    },

    authenticate: async (token) => {
      const now = clock.now();
      const lookup = { kind: 'session', secret: token, isOurs: taggedSecrets.isOurs(token) } as const;
      const found = await lookups.run(lookup, () => find(token, now));
      if (!found) return undefined;
      usage.note(found.session_id, now);
      const { session_id: sessionId, id: subject, email, role, scopes } = found;
      return { kind: 'user', subject, email, role, scopes, sessionId };
    },

    end: async ({ em }, sessionId) => {
      const session = await em.findOne(UserSessionEntity, { id: sessionId });
      if (session) em.remove(session);
    },

    csrfToken,

    matchesCsrfToken: (sessionToken, shown) => {
      const expected = Buffer.from(csrfToken(sessionToken));
      const given = Buffer.from(shown);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
};
