import { LockMode } from '@mikro-orm/core';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import { commonScopes } from '#src/kernel/ports/owners.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { RefreshFamilyEntity, RefreshTokenEntity, UserAccountEntity } from '../account-entities.ts';
import type { SignInOrigin } from '../own-sessions/sign-in-origin.ts';
import { endOldestFamilies, revokeTokensOf } from '../sessions/end-sign-ins.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import {
  createRefreshTokensReads,
  findFamily,
  hasSameClaims,
  type FamilyRow,
  type RefreshTokensReadsDeps,
} from './refresh-tokens-reads.ts';
import type { EndedToken, Revocations } from './revocations.ts';
import { narrowed } from '../scopes.ts';
import type { IssuedToken, PreparedToken, TokenIssuer } from './token-issuer.ts';
import type { User } from '../users/users.ts';

export type RefreshTokensDeps = RefreshTokensReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly tokens: TokenIssuer;
  readonly revocations: Revocations;
  readonly roles: Roles;
  readonly audit: AuditTrail;
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: TaggedSecrets;
  readonly clock: Clock;
  readonly abuse: AbuseReport;
  /** Max refresh tokens of one family: each refresh stores one, and all stay until the family ends. */
  readonly maxTokensPerSignIn: number;
  /** Max families of one user that have not ended. A new one ends the oldest one. */
  readonly maxFamiliesPerUser: number;
  /** Max age of a family, counted from the sign-in. */
  readonly lifetimeSeconds: number;
};

export type TokenPair = IssuedToken & { readonly refreshToken: string };
/** A pair that is stored. It must be signed after the commit, because signatures wait for a thread. */
export type PreparedPair = Omit<PreparedToken, 'sign'> & {
  readonly refreshToken: string;
  readonly sign: () => Promise<TokenPair>;
};

export type RefreshTokens = {
  /**
   * Creates a family for a user who has just signed in. It ends the oldest family of a user who has the max number. The account must
   * be locked.
   */
  readonly open: (transaction: Transaction, user: User, origin: SignInOrigin) => Promise<PreparedPair>;
  /**
   * Exchanges a refresh token for a new pair. A token that was used before this request arrived may be stolen, so the whole
   * family is revoked with its access tokens. Of several concurrent requests with an unused token exactly one succeeds; the
   * others are refused, and the family stays valid.
   * @param requested space-separated scopes; default: all scopes of the family
   * @throws AppError `oauth_request_invalid` (`invalid_grant`, `invalid_scope`); `rate_limit_exceeded` when many credentials
   * of the address were refused; `quota_exceeded` when the family has the max number of tokens
   */
  readonly rotate: (refreshToken: string, requested: string | undefined) => Promise<TokenPair>;
  /** Revokes the family of a refresh token. @returns false for an unknown token */
  readonly end: (refreshToken: string) => Promise<boolean>;
  /** Revokes a family and its unexpired access tokens, unless the family is revoked. @returns the tokens to announce after the commit */
  readonly endFamily: (transaction: Transaction, familyId: string, reason: string) => Promise<readonly EndedToken[]>;
  /** Revokes the family of an access token, if there is one. @returns the tokens to announce after the commit */
  readonly endFamilyOf: (transaction: Transaction, principal: Principal) => Promise<readonly EndedToken[]>;
};

const prefix = 'vwr_';
const form = /^vwr_[\w-]{43}$/;

const grantRefused = (): AppError =>
  new AppError('oauth_request_invalid', 'The refresh token is unknown, spent, revoked or expired', {
    oauthError: 'invalid_grant',
  });

export const createRefreshTokens = (deps: RefreshTokensDeps): RefreshTokens => {
  const { unitOfWork, tokens, revocations, roles, audit, lookups, taggedSecrets, clock } = deps;
  const findSeen = createRefreshTokensReads(deps);
  const { lifetimeSeconds, abuse, maxTokensPerSignIn, maxFamiliesPerUser } = deps;

  /** @param requested see `rotate`; `scopes` are those that can be had */
  const prepare = ({ id: subject, email, role }: User, scopes: readonly Scope[], requested?: string): PreparedPair => {
    const granted = narrowed(scopes, requested);
    const isNarrowed = granted.length < scopes.length;
    const token = tokens.prepare({ kind: 'user', subject, email, role, isNarrowed }, granted);
    const refreshToken = taggedSecrets.create(prefix);
    return { ...token, refreshToken, sign: async () => ({ ...(await token.sign()), refreshToken }) };
  };

  type Stored = Pick<TokenPair, 'refreshToken' | 'tokenId' | 'expiresAt'>;
  const store = ({ em }: Transaction, familyId: string, pair: Stored, scopes: readonly Scope[]): void => {
    em.create(RefreshTokenEntity, {
      tokenHash: tokenDigest(pair.refreshToken),
      family: em.getReference(RefreshFamilyEntity, familyId),
      scopes: [...scopes],
      accessTokenId: pair.tokenId,
      accessExpiresAt: pair.expiresAt,
      createdAt: clock.now(),
    });
  };

  const endFamily = async (
    { em, query }: Transaction,
    familyId: string,
    reason: string,
  ): Promise<readonly EndedToken[]> => {
    const now = clock.now();
    const live = { id: familyId, revokedAt: null };
    const family = await em.findOne(RefreshFamilyEntity, live, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!family) return [];
    Object.assign(family, { revokedAt: now, revokedReason: reason });
    return revokeTokensOf(query, [familyId], now);
  };

  /** The rows of used tokens are needed to detect a reuse, so they stay. The family is locked, so the count is exact. */
  const assertTokenQuota = async ({ query }: Transaction, familyId: string): Promise<void> => {
    const [stored] = await query<{ tokens: number }>(
      'select count(*)::int as tokens from refresh_token where family_id = $1',
      [familyId],
    );
    assertWithinQuota(abuse, {
      quota: 'refresh_tokens',
      wanted: stored!.tokens + 1,
      max: maxTokensPerSignIn,
      unit: 'tokens',
      remedy: 'Sign in again.',
    });
  };

  /** The scopes of the token that the owner still holds. */
  const keptScopes = ({ scopes, role, held }: FamilyRow): readonly Scope[] =>
    commonScopes(scopes, heldScopes(roles, { role, scopes: held }));

  /** Records a reuse, which may come of a theft, and ends the family. @returns the tokens to announce after the commit */
  const endReused = async (transaction: Transaction, { family_id: familyId, id }: FamilyRow) => {
    await audit.record(transaction, {
      stream: `user:${id}`,
      action: 'refresh_token.reused',
      outcome: 'failure',
      target: familyId,
      reason: 'oauth_request_invalid',
    });
    return endFamily(transaction, familyId, 'reused');
  };

  /**
   * The first look decides if the token is reused: it was used then, and before the request arrived. Two durations are compared, that
   * since the use by the clock of the database and that since the arrival by the monotonic clock of this process, because another
   * instance can have used the token, and its clock differs. A token that was unused at the first look can only be used by a
   * concurrent request.
   *
   * The signature waits for a thread, so it is made before the transaction, of what is stored then. If that has changed, it is made again.
   * @returns undefined for a token that is not valid
   */
  const exchange = async (
    refreshToken: string,
    requested: string | undefined,
    arrivedAt: number,
    isRepeated = false,
  ): Promise<TokenPair | undefined> => {
    const seen = await findSeen(refreshToken, clock.now());
    if (!seen?.live) return undefined;
    const isUsed = seen.used_ms_ago !== null;
    if (isUsed && (isRepeated || seen.used_ms_ago < clock.monotonic() - arrivedAt)) return undefined;
    const signed = isUsed
      ? undefined
      : await prepare({ ...seen, scopes: seen.held }, keptScopes(seen), requested).sign();
    const result = await unitOfWork.run(
      { operation: 'auth.refresh', alone: lockNames.refreshFamily(seen.family_id) },
      async (transaction) => {
        const found = await findFamily(transaction.query, refreshToken, clock.now());
        if (!found?.live) return {};
        if (!signed) return { ended: await endReused(transaction, found) };
        if (!hasSameClaims(seen, found)) return { isOutdated: true };
        const { family_id: familyId } = found;
        await assertTokenQuota(transaction, familyId);
        // SQL: the database writes the time of the use by its own clock. The family is locked, so `findFamily` may have waited:
        // only this statement sees whether the request before it has used the token.
        const [spent] = await transaction.query(
          `update refresh_token set used_at = clock_timestamp() where token_hash = $1 and used_at is null
           returning family_id`,
          [tokenDigest(refreshToken)],
        );
        if (!spent) return {};
        store(transaction, familyId, signed, keptScopes(found));
        return { pair: signed };
      },
    );
    revocations.announce(result.ended ?? []);
    if (!result.isOutdated) return result.pair;
    if (isRepeated) throw new AppError('database_conflict', 'The account changed during the refresh: try again');
    return exchange(refreshToken, requested, arrivedAt, true);
  };

  /** @returns undefined for an unknown token */
  const revoke = async (refreshToken: string): Promise<true | undefined> => {
    const seen = await findSeen(refreshToken, clock.now());
    if (!seen) return undefined;
    // Its tokens are revoked, and anybody with a former token could repeat this.
    if (seen.ended) return true;
    const result = await unitOfWork.run(
      { operation: 'auth.revoke', alone: lockNames.refreshFamily(seen.family_id) },
      async (transaction) => {
        const found = await findFamily(transaction.query, refreshToken, clock.now());
        if (!found) return undefined;
        // The last access token of an expired family may live.
        if (!found.live) return endFamily(transaction, found.family_id, 'revoked');
        await audit.record(transaction, {
          stream: `user:${found.id}`,
          action: 'token.revoked',
          outcome: 'success',
          actor: { kind: 'user', subject: found.id },
          target: found.family_id,
        });
        return endFamily(transaction, found.family_id, 'revoked');
      },
    );
    revocations.announce(result ?? []);
    return result && true;
  };

  /** Runs `work` with a token that has the form of a refresh token, unless the caller must wait. */
  const lookUp = async <T>(refreshToken: string, work: () => Promise<T | undefined>): Promise<T | undefined> => {
    if (!form.test(refreshToken)) return undefined;
    const isOurs = taggedSecrets.isOurs(refreshToken);
    return lookups.run({ kind: 'refresh_token', secret: refreshToken, isOurs }, work);
  };

  return {
    open: async (transaction, user, origin) => {
      const id = uuidv7();
      const now = clock.now();
      const ended = await endOldestFamilies(transaction, user.id, { at: now, max: maxFamiliesPerUser });
      if (ended > 0) {
        await audit.record(transaction, {
          stream: `user:${user.id}`,
          action: 'user.sessions_ended',
          outcome: 'success',
          target: user.id,
          data: { sessions: ended, quota: 'token_sign_ins' },
        });
      }
      transaction.em.create(RefreshFamilyEntity, {
        id,
        user: transaction.em.getReference(UserAccountEntity, user.id),
        createdAt: now,
        expiresAt: new Date(now.getTime() + lifetimeSeconds * 1000),
        ...origin,
      });
      const pair = prepare(user, user.scopes);
      store(transaction, id, pair, user.scopes);
      return pair;
    },

    rotate: async (refreshToken, requested) => {
      const arrivedAt = clock.monotonic();
      const pair = await lookUp(refreshToken, () => exchange(refreshToken, requested, arrivedAt));
      if (!pair) throw grantRefused();
      return pair;
    },

    end: async (refreshToken) => (await lookUp(refreshToken, () => revoke(refreshToken))) ?? false,

    endFamily,

    endFamilyOf: async (transaction, { tokenId }) => {
      const [found] = await transaction.query<{ family_id: string }>(
        'select family_id from refresh_token where access_token_id = $1',
        [tokenId ?? ''],
      );
      return found ? endFamily(transaction, found.family_id, 'signed_out') : [];
    },
  };
};
