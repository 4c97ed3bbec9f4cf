import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { SignInOrigin } from '../own-sessions/sign-in-origin.ts';
import { newOpaqueToken, tokenDigest } from '../secrets/opaque-token.ts';
import type { NewSession, Sessions } from '../sessions/session.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import type { SignInRefusals } from '../sign-in/sign-in-refusals.ts';
import type { PreparedPair, RefreshTokens, TokenPair } from '../tokens/refresh-tokens.ts';
import { UserAccountEntity } from '../account-entities.ts';
import type { Removal } from '../removal/removal.ts';
import { lockUnchanged } from '../sign-in/password-unchanged.ts';
import type { User } from '../users/users.ts';
import { SignInChallengeEntity } from './entities.ts';
import type { SecondFactors } from './second-factor.ts';
import { createSecondStepReads, findChallenge, type SecondStepReadsDeps } from './second-step-reads.ts';

export type SecondStepDeps = SecondStepReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly roles: Roles;
  readonly throttle: LoginThrottle;
  readonly refusals: SignInRefusals;
  readonly places: SignInPlaces;
  readonly factors: Pick<SecondFactors, 'check'>;
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly cancelRemoval: Removal['cancel'];
  /** Lifetime of the token of the second step. */
  readonly secondStepSeconds: number;
};

type SignedInBy<Pair> = { readonly pair: Pair } | { readonly session: NewSession; readonly user: User };
type SignedIn = SignedInBy<TokenPair>;

export type SecondStep = {
  /** Stores that the password was right. @returns the token of the second step */
  readonly begin: (
    transaction: Transaction,
    userId: string,
    origin: SignInOrigin,
    wantsSession: boolean,
  ) => Promise<string>;
  /** The refusal of a first step that needs a second one. */
  readonly required: (token: string) => AppError;
  /**
   * Finishes a sign-in. @param previous session token of the request; its session ends
   * @throws AppError `second_factor_invalid`, `rate_limit_exceeded`
   */
  readonly finish: (
    step: { readonly token: string; readonly code: string; readonly clientIp: string },
    previous: string | undefined,
  ) => Promise<SignedIn>;
};

const prefix = 'vwf_';
const headers = { 'WWW-Authenticate': 'Bearer' };

const refused = (detail: string): AppError => new AppError('second_factor_invalid', detail, { headers });
const tokenRefused = (): AppError =>
  refused('The token of the second step is unknown, used or expired: sign in with the password again');
const codeRefused = {
  refused: () => refused('The code is wrong or was used before'),
  locked: () =>
    refused(
      'The authenticator is locked after many wrong codes: send a recovery code, or reset the password by e-mail',
    ),
};

/** The second step of a sign-in, for users with a second factor. */
export const createSecondStep = (deps: SecondStepDeps): SecondStep => {
  const { unitOfWork, audit, clock, roles, throttle, refusals, places, factors } = deps;
  const { sessions, refreshTokens, cancelRemoval, secondStepSeconds } = deps;
  const reads = createSecondStepReads(deps);

  /** @returns the reason if the code is refused. The transaction must commit then too, because it counts the failure. */
  const complete = (userId: string, token: string, code: string, previous: string | undefined, placeHash: Buffer) =>
    unitOfWork.run(
      { operation: 'auth.login', alone: lockNames.account(userId) },
      async (transaction): Promise<SignedInBy<PreparedPair> | keyof typeof codeRefused> => {
        const found = await findChallenge(transaction.query, token, clock.now());
        // This locks the account. A change of the password has deleted the challenge, or waits for this sign-in and ends it.
        const locked = found && (await lockUnchanged(transaction, found));
        if (!found || !locked) throw tokenRefused();
        const checked = await factors.check(transaction, found.id, code);
        if (checked !== 'accepted') return checked;
        const challenge = await transaction.em.findOne(SignInChallengeEntity, { tokenHash: tokenDigest(token) });
        // Another request may have finished this sign-in before the lock, or the password was changed.
        if (!challenge) throw tokenRefused();
        transaction.em.remove(challenge);
        await audit.record(transaction, {
          stream: `user:${found.id}`,
          action: 'user.signed_in',
          outcome: 'success',
          actor: { kind: 'user', subject: found.id },
          target: found.id,
        });
        if (locked.removal_planned) await cancelRemoval(transaction, found.id, locked.email);
        await places.remember(transaction, found.id, placeHash, clock.now());
        const user = { id: found.id, email: locked.email, role: found.role, scopes: heldScopes(roles, found) };
        const origin = { agent: found.agent, placeHash: found.place_hash };
        return found.wants_session
          ? { session: await sessions.open(transaction, user, origin, previous), user }
          : { pair: await refreshTokens.open(transaction, user, origin) };
      },
    );

  return {
    begin: async (transaction, userId, { agent, placeHash }, wantsSession) => {
      const token = newOpaqueToken(prefix);
      const { em } = transaction;
      em.create(SignInChallengeEntity, {
        tokenHash: tokenDigest(token),
        user: em.getReference(UserAccountEntity, userId),
        wantsSession,
        agent,
        placeHash,
        expiresAt: new Date(clock.now().getTime() + secondStepSeconds * 1000),
      });
      // A refusal, because events stay for good: the quota of sign-ins counts finished ones only, and the right password
      // resets the counters of wrong ones, so that first steps have no other limit than that of their addresses.
      await audit.record(transaction, {
        stream: `user:${userId}`,
        action: 'user.second_factor_required',
        outcome: 'refused',
        actor: { kind: 'anonymous', subject: null },
        target: userId,
        reason: 'second_factor_required',
      });
      return token;
    },

    required: (token) =>
      new AppError('second_factor_required', 'Send a code with second_factor_token to /auth/login/second-factor', {
        headers: { ...headers, 'Cache-Control': 'no-store' },
        members: { second_factor_token: token, expires_in: secondStepSeconds },
      }),

    finish: async ({ token, code, clientIp }, previous) => {
      const found = await reads.challenge(token);
      if (!found) throw tokenRefused();
      const placeHash = places.hashOf(found.id, clientIp);
      // Not the counter of passwords, which each right password resets.
      const account = `second factor of ${found.id}`;
      const attempt = { account, clientIp, knownPlace: await reads.knowsPlace(found, clientIp) };
      await refusals.assertNotThrottled(attempt, found.id);
      const done = await complete(found.id, token, code, previous, placeHash);
      if (typeof done === 'string') {
        refusals.record({ action: 'user.second_factor_refused', reason: 'second_factor_invalid' }, found.id);
        throw codeRefused[done]();
      }
      await throttle.succeeded(attempt);
      return 'pair' in done ? { pair: await done.pair.sign() } : done;
    },
  };
};
