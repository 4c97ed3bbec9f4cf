import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';

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

export type OwnSessionRow = {
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

export const userOf = ({ kind, subject }: Principal): string => {
  if (kind !== 'user') throw new AppError('resource_not_found', 'Only users have sessions');
  if (!isAccountId(subject)) throw unknownUser();
  return subject.toLowerCase();
};

/** SQL of the sign-ins that have not ended, for the parameters of `liveParameters`: `$3` is the session of the caller, `$4` the id of the access token of the caller. Both can be null. */
export const liveOwnSessionsSql = `
  select id, 'session' as kind, agent, place_hash, created_at, seen_at as last_used_at, expires_at,
    id = $3::uuid is true as current
  from user_session where user_id = $1 and expires_at > $2 and seen_at > $2::timestamptz - $5 * interval '1 second'
  union all
  select id, 'tokens', agent, place_hash, created_at,
    (select max(created_at) from refresh_token where family_id = family.id), expires_at,
    id = (select family_id from refresh_token where access_token_id = $4) is true
  from refresh_family as family where user_id = $1 and revoked_at is null and expires_at > $2`;

/**
 * SQL of all sign-ins of the user `$1` that nobody has ended. A session that looks idle may be in use, because times of use are written later, and
 * the last access token of a family lives longer than the family.
 */
export const ownSessionsSql = `
  select id, 'session' as kind from user_session where user_id = $1
  union all
  select id, 'tokens' from refresh_family where user_id = $1 and revoked_at is null`;

export type LiveParametersDeps = {
  readonly clock: Clock;
  /** A session without use for this time has ended. */
  readonly sessionIdleSeconds: number;
};

/** @returns the parameters `$1` to `$5` of `liveOwnSessionsSql` */
export const liveParameters = (
  { clock, sessionIdleSeconds }: LiveParametersDeps,
  caller: Principal,
): readonly unknown[] => [
  userOf(caller),
  clock.now(),
  caller.sessionId ?? null,
  caller.tokenId ?? null,
  sessionIdleSeconds,
];
