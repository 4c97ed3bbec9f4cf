import { anonymousStream, type AuditActor, type AuditTrail, type DoneAction } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { EndCredentials } from '../owners/end-credentials.ts';
import { removeNewSecondFactor, removeSecondFactor, unlockSecondFactor } from '../second-factor/second-factors.ts';
import type { AccountTokens } from '../letters/account-tokens.ts';
import { endAddressChange } from '../letters/end-requests.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';
import {
  endLegacyTokens,
  endOfEarlierTokens,
  endSignIns,
  endTokensIssuedBefore,
  type EndSignInsOptions,
} from '../sessions/end-sign-ins.ts';
import type { CheckPassword } from '../sign-in/password-check.ts';
import { lockConfirmed } from '../sign-in/password-unchanged.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import type { Removal } from '../removal/removal.ts';
import type { FindOwnAccount } from '../users/own-account-reads.ts';
import type { PasswordRules } from '../users/password-rules.ts';
import { markVerified, normalizedEmail, setPassword } from '../users/users.ts';

export type PasswordsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly findOwnAccount: FindOwnAccount;
  readonly checkPassword: CheckPassword;
  readonly hasher: SecretHasher;
  readonly rules: PasswordRules;
  readonly throttle: LoginThrottle;
  readonly places: SignInPlaces;
  readonly tokens: AccountTokens;
  readonly end: EndCredentials;
  readonly cancelRemoval: Removal['cancel'];
  /** Removes the connected calendar, the profile, the settings and the presets of a user. */
  readonly removeSettings: (transaction: Transaction, userId: string, actor: AuditActor) => Promise<void>;
  readonly revocations: Revocations;
  readonly mail: Mail;
  readonly audit: AuditTrail;
  readonly clock: Clock;
};

export type Passwords = {
  /**
   * Changes the password of the caller. All other sessions and refresh families of the user end.
   * @throws AppError `credentials_invalid`, `rate_limit_exceeded`, `validation_failed` for the new password, `overloaded`
   */
  readonly change: (
    principal: Principal,
    passwords: { readonly current: string; readonly next: string },
    clientIp: string,
  ) => Promise<void>;
  /**
   * Asks for a message with a token. The request does not look the address up, so result, work and time do not depend on
   * whether the address has an account.
   * @throws AppError `mail_not_configured`, `quota_exceeded`, `rate_limit_exceeded`
   */
  readonly requestReset: (email: string) => Promise<void>;
  /**
   * Sets a new password with a token. All sessions, refresh families and access tokens of the user end. The network of the
   * request is the only one that counts as one of an earlier sign-in, so that attempts of others do not keep the owner from signing in there. An authenticator that
   * wrong codes have locked can be used again. A planned removal of the account is cancelled, and a second factor that was added a few
   * days ago is removed, because the one who did it may have known the former password alone.
   * @throws AppError `account_token_invalid`, `rate_limit_exceeded`, `validation_failed` for the new password, `overloaded`
   */
  readonly reset: (token: string, next: string, clientIp: string) => Promise<void>;
};

/** The password of a user: its change with the current password, and its reset by e-mail. */
export const createPasswords = (deps: PasswordsDeps): Passwords => {
  const {
    unitOfWork,
    findOwnAccount,
    checkPassword,
    hasher,
    rules,
    throttle,
    places,
    tokens,
    end,
    cancelRemoval,
    removeSettings,
    revocations,
  } = deps;
  const { mail, audit, clock } = deps;

  /** Stores the new password and ends sign-ins. @returns the tokens to announce after the commit */
  const replace = async (
    transaction: Transaction,
    account: { readonly userId: string; readonly email: string },
    passwordHash: string,
    event: { readonly action: DoneAction; readonly actor?: AuditActor },
    options: Pick<EndSignInsOptions, 'reason' | 'keep'>,
  ): Promise<readonly EndedToken[]> => {
    const { userId, email } = account;
    await setPassword(transaction, userId, passwordHash);
    await endAddressChange(transaction, userId);
    const ended = await endSignIns(transaction, userId, { ...options, at: clock.now() });
    await audit.record(transaction, {
      ...event,
      stream: `user:${userId}`,
      outcome: 'success',
      target: userId,
      data: { sessions: ended.sessions, refresh_families: ended.refreshFamilies },
    });
    await mail.notify(transaction, { kind: 'password_changed', recipient: email, userId });
    return ended.tokens;
  };

  return {
    change: async (principal, { current, next }, clientIp) => {
      const { id: userId, email } = await findOwnAccount(principal);
      const { user, attempt } = await checkPassword({ email, password: current, clientIp }, 'confirmation');
      // The password was right, also if the new one is refused.
      await throttle.succeeded(attempt);
      rules.check(next, email, 'new_password');
      const hash = await hasher.hash(next);
      const options = { operation: 'account.password', alone: lockNames.account(userId) } as const;
      const ended = await unitOfWork.run(options, async (transaction) => {
        await lockConfirmed(transaction, user, principal);
        const { sessionId, tokenId } = principal;
        const event = { action: 'user.password_changed' } as const;
        const keep = { sessionId, tokenId };
        await endLegacyTokens(transaction, userId, principal, clock.now());
        return replace(transaction, { userId, email }, hash, event, { reason: 'password_changed', keep });
      });
      revocations.announce(ended);
    },

    requestReset: async (email) => {
      const recipient = normalizedEmail(email);
      await unitOfWork.run(
        { operation: 'account.password', alone: lockNames.address(recipient) },
        async (transaction) => {
          const isStored = await mail.request(transaction, { kind: 'password_reset', recipient });
          // Not the stream of a user, because the account is not looked up here. Requests without a message have no limit of
          // messages, and events stay for good, so they count as refusals, whose number is limited.
          await audit.record(transaction, {
            stream: anonymousStream(),
            action: 'user.password_reset_requested',
            ...(isStored
              ? { outcome: 'success' as const }
              : { outcome: 'refused' as const, reason: 'rate_limit_exceeded' as const }),
            target: 'unknown',
          });
        },
      );
    },

    reset: async (token, next, clientIp) => {
      const { userId: account, email } = await tokens.guard(token, () => tokens.find(['password_reset'], token));
      rules.check(next, email, 'new_password');
      const hash = await hasher.hash(next);
      const options = { operation: 'account.password', alone: lockNames.account(account) } as const;
      const ended = await unitOfWork.run(options, async (transaction) => {
        const holder = await tokens.redeem(transaction, ['password_reset'], token);
        const at = clock.now();
        await endTokensIssuedBefore(transaction, { kind: 'user', id: holder.userId }, at);
        const actor = { kind: 'user', subject: holder.userId } as const;
        // Whoever has locked it knew the former password.
        await unlockSecondFactor(transaction, holder.userId);
        const isFirstProof = await markVerified(transaction, holder.userId, at);
        const event = { action: 'user.password_reset', actor } as const;
        const tokensToAnnounce = await replace(transaction, holder, hash, event, { reason: 'password_reset' });
        // Until now nobody has proved to own the address, so somebody else may have opened the account. Jobs stay until their retention, because to delete gigabytes takes
        // longer than a request may.
        if (isFirstProof) {
          const owner = { kind: 'user', id: holder.userId } as const;
          await end.all(transaction, owner, 'tokens_ended', actor, endOfEarlierTokens(at));
          await removeSettings(transaction, holder.userId, actor);
          await removeSecondFactor(transaction, holder.userId, { audit, mail, actor });
        } else {
          await removeNewSecondFactor(transaction, holder.userId, { audit, mail, actor, now: at });
        }
        await cancelRemoval(transaction, holder.userId, holder.email);
        // Somebody who knew the former password may have signed in from one of them.
        await places.forget(transaction, holder.userId);
        await places.remember(transaction, holder.userId, places.hashOf(holder.userId, clientIp), at);
        return tokensToAnnounce;
      });
      revocations.announce(ended);
      await throttle.succeeded({ account: email, clientIp, knownPlace: true });
    },
  };
};
