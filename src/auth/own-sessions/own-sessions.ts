import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { EndCredentials } from '../owners/end-credentials.ts';
import type { Sessions } from '../sessions/session.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import type { RefreshTokens } from '../tokens/refresh-tokens.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import { normalizedEmail } from '../users/users.ts';

export type OwnSessionsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly revocations: Revocations;
  readonly places: SignInPlaces;
  readonly end: EndCredentials;
  /** A session without use for this time has ended. */
  readonly sessionIdleSeconds: number;
};

/** `session`: a cookie session. `tokens`: a sign-in with access and refresh tokens. */
export const sessionKinds = ['session', 'tokens'] as const;

/** A sign-in of a user that has not ended. */
export type OwnSession = {
  readonly id: string;
  readonly kind: (typeof sessionKinds)[number];
  readonly agent: string | null;
  /** Whether the sign-in came from the network of this request. Null for a sign-in of an earlier release. */
  readonly thisNetwork: boolean | null;
  /** Whether it is the sign-in of this request. */
  readonly current: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
};

type Row = {
  readonly id: string;
  readonly kind: OwnSession['kind'];
  readonly agent: string | null;
  readonly place_hash: Buffer | null;
  readonly current: boolean;
  readonly created_at: Date;
  readonly last_used_at: Date;
  readonly expires_at: Date;
};

/** The methods throw AppError `resource_not_found` for callers that are no users, and `token_user_unknown`. */
export type OwnSessions = {
  /** The sign-ins of the user that have not ended, oldest first. */
  readonly list: (caller: Principal, clientIp: string, page: PageRequest) => Promise<readonly OwnSession[]>;
  /** @throws AppError `resource_not_found`, also for a sign-in of another user */
  readonly end: (caller: Principal, id: string) => Promise<void>;
  /** Ends all sign-ins with their tokens; with `keepCurrent` all but the sign-in of the caller. */
  readonly endAll: (caller: Principal, options: { readonly keepCurrent: boolean }) => Promise<void>;
};

const operation = 'auth.logout';

const userOf = ({ kind, subject }: Principal): string => {
  if (kind !== 'user') throw new AppError('resource_not_found', 'Only users have sessions');
  if (!isAccountId(subject)) throw unknownUser();
  return subject.toLowerCase();
};

/** SQL: `$3` is the session of the caller, `$4` the id of the access token of the caller. Both can be null. */
const liveSql = `
  select id, 'session' as kind, agent, place_hash, created_at, seen_at as last_used_at, expires_at,
    id = $3::uuid is true as current
  from user_session where user_id = $1 and expires_at > $2 and seen_at > $2::timestamptz - $5 * interval '1 second'
  union all
  select id, 'tokens', agent, place_hash, created_at,
    (select max(created_at) from refresh_token where family_id = family.id), expires_at,
    exists (select 1 from refresh_token where family_id = family.id and access_token_id = $4)
  from refresh_family as family where user_id = $1 and revoked_at is null and expires_at > $2`;

/** The own sign-ins of a user. */
export const createOwnSessions = (deps: OwnSessionsDeps): OwnSessions => {
  const { unitOfWork, reader, audit, clock, sessions, refreshTokens, revocations, places, end } = deps;

  const parametersOf = (caller: Principal): readonly unknown[] => [
    userOf(caller),
    clock.now(),
    caller.sessionId ?? null,
    caller.tokenId ?? null,
    deps.sessionIdleSeconds,
  ];

  /** @returns the tokens to announce after the commit */
  const endOne = async (transaction: Transaction, { id, kind }: Pick<Row, 'id' | 'kind'>) => {
    if (kind === 'tokens') return refreshTokens.endFamily(transaction, id, 'signed_out');
    await sessions.end(transaction, id);
    return [];
  };

  return {
    list: async (caller, clientIp, { after, limit }) => {
      const rows = await reader.query<Row>(
        `select * from (${liveSql}) as live where ($6::uuid is null or id > $6) order by id limit $7`,
        [...parametersOf(caller), after, limit],
      );
      const here = caller.email === undefined ? undefined : places.hashOf(normalizedEmail(caller.email), clientIp);
      return rows.map((row) => ({
        id: row.id,
        kind: row.kind,
        agent: row.agent,
        thisNetwork: row.place_hash && here ? row.place_hash.equals(here) : null,
        current: row.current,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        expiresAt: row.expires_at,
      }));
    },

    end: async (caller, id) => {
      const user = userOf(caller);
      const ended = await unitOfWork.run({ operation }, async (transaction) => {
        const [found] = await transaction.query<Row>(`select * from (${liveSql}) as live where id = $6`, [
          ...parametersOf(caller),
          id,
        ]);
        if (!found) throw new AppError('resource_not_found', 'There is no such session');
        const tokens = await endOne(transaction, found);
        await audit.record(transaction, {
          stream: `user:${user}`,
          action: 'user.signed_out',
          outcome: 'success',
          target: id,
        });
        return tokens;
      });
      revocations.announce(ended);
    },

    endAll: async (caller, { keepCurrent }) => {
      const user = userOf(caller);
      const ended = await unitOfWork.run({ operation }, async (transaction) => {
        const tokens: EndedToken[] = [];
        const rows = await transaction.query<Row>(`select * from (${liveSql}) as live`, parametersOf(caller));
        const others = rows.filter(({ current }) => !current);
        // Events stay for good, so the end of nothing has none.
        if (keepCurrent && others.length === 0) return tokens;
        if (keepCurrent) for (const row of others) tokens.push(...(await endOne(transaction, row)));
        else await end.signIns(transaction, user, 'signed_out');
        await audit.record(transaction, {
          stream: `user:${user}`,
          action: 'user.sessions_ended',
          outcome: 'success',
          target: user,
          data: { sessions: keepCurrent ? others.length : rows.length },
        });
        return tokens;
      });
      revocations.announce(ended);
    },
  };
};
