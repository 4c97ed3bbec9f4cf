import { LockMode } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { AuditActor, AuditTrail, DoneAction } from '#src/kernel/ports/audit.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { dayMs } from '#src/kernel/calendar.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import type { SecretCipher } from '#src/kernel/secrets/secret-cipher.ts';
import { UserAccountEntity } from '../account-entities.ts';
import { endLegacyTokens, endSecondSteps, endSignIns } from '../sessions/end-sign-ins.ts';
import type { Revocations } from '../tokens/revocations.ts';
import type { AssertRecentSignIn } from '../sign-in/recent-sign-in.ts';
import { RecoveryCodeEntity, UserSecondFactorEntity } from './entities.ts';
import { newRecoveryCodes, recoveryCodeDigest } from './recovery-codes.ts';
import { createSecondFactorReads, type SecondFactorReadsDeps } from './second-factor-reads.ts';
import { newFactorDays, userOf, type SecondFactors } from './second-factor.ts';
import { newTotpSecret, stepOfCode, totpUri } from './totp.ts';

export type SecondFactorsDeps = SecondFactorReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly mail: Mail;
  readonly revocations: Pick<Revocations, 'announce'>;
  readonly metrics: Metrics;
  readonly cipher: SecretCipher;
  readonly assertRecentSignIn: AssertRecentSignIn;
  /** Whether only a user whose address is verified can have a second factor. */
  readonly verifiedForSecondFactor: boolean;
  /** Wrong codes in a row after which only a recovery code is accepted. */
  readonly maxSecondFactorFailures: number;
};

const changeOf = (userId: string) => ({ operation: 'auth.second_factor', alone: lockNames.account(userId) }) as const;

const placeOf = (userId: string): string => `user_second_factor:${userId}:secret`;
const enabled = (): AppError =>
  new AppError('second_factor_enabled', 'Remove the second factor before you add another');
const unverified = (): AppError =>
  new AppError(
    'email_not_verified',
    'Confirm the address first: POST /account/email with the own address and the password asks for another message',
  );
const none = (): AppError => new AppError('resource_not_found', 'There is no second factor to confirm or remove');

/** @param isLast whether the secret is removed, because somebody without it could try all codes */
const wrongCode = (isLast: boolean): AppError => {
  const detail = isLast
    ? 'code was wrong too often, and the secret is removed: make a new one with POST /account/totp'
    : 'code is not a current code of this secret: check the clock of the device';
  return validationFailed([{ pointer: '/code', code: 'invalid_value', detail }]);
};

/** `actor`: default is the caller of the request. */
type RemovalDeps = { readonly audit: AuditTrail; readonly mail: Mail; readonly actor?: AuditActor | undefined };

/**
 * SQL, because several tables lose the rows of one user. Only the end of a confirmed factor has an event: anybody can make secrets and remove them
 * again without end, and events stay for good. Its user gets a message.
 * @returns what there was: a second factor, a secret that was not confirmed, or nothing
 */
export const removeSecondFactor = async (
  transaction: Transaction,
  userId: string,
  { audit, mail, actor }: RemovalDeps,
): Promise<'enabled' | 'unconfirmed' | 'none'> => {
  const { query } = transaction;
  await endSecondSteps(query, userId);
  await query('delete from recovery_code where user_id = $1', [userId]);
  const [removed] = await query<{ enabled: boolean }>(
    'delete from user_second_factor where user_id = $1 returning confirmed_at is not null as enabled',
    [userId],
  );
  if (!removed) return 'none';
  if (!removed.enabled) return 'unconfirmed';
  await audit.record(transaction, {
    stream: `user:${userId}`,
    action: 'user.second_factor_removed',
    outcome: 'success',
    ...(actor && { actor }),
    target: userId,
  });
  const [account] = await query<{ email: string }>('select email from user_account where id = $1', [userId]);
  if (account) await mail.notify(transaction, { kind: 'second_factor_removed', recipient: account.email, userId });
  return 'enabled';
};

/**
 * Removes a second factor that was added a few days ago, for a reset of the password by mail: somebody who knew the former password may
 * have added it, and the owner could never sign in again. See docs/decisions/0322.
 */
export const removeNewSecondFactor = async (
  transaction: Transaction,
  userId: string,
  { now, ...deps }: RemovalDeps & { readonly now: Date },
): Promise<void> => {
  const [found] = await transaction.query('select 1 from user_second_factor where user_id = $1 and confirmed_at > $2', [
    userId,
    new Date(now.getTime() - newFactorDays * dayMs),
  ]);
  if (found) await removeSecondFactor(transaction, userId, deps);
};

/** Lets codes of the authenticator be tried again after a lock. */
export const unlockSecondFactor = async ({ query }: Transaction, userId: string): Promise<void> => {
  // SQL, because most users have no row.
  await query('update user_second_factor set failures = 0 where user_id = $1', [userId]);
};

export const createSecondFactors = (deps: SecondFactorsDeps): SecondFactors => {
  const {
    unitOfWork,
    audit,
    mail,
    revocations,
    clock,
    metrics,
    cipher,
    assertRecentSignIn,
    maxSecondFactorFailures,
    verifiedForSecondFactor,
  } = deps;
  const lockMode = LockMode.PESSIMISTIC_WRITE;

  const record = (transaction: Transaction, userId: string, action: DoneAction): Promise<void> =>
    audit.record(transaction, { stream: `user:${userId}`, action, outcome: 'success', target: userId });

  const count = (method: 'totp' | 'recovery_code', outcome: 'accepted' | 'refused' | 'locked'): void =>
    metrics.count('volwatch_auth_second_factor_total', { method, outcome });

  /**
   * Locks the account, so that two requests of one user run one after the other, and checks that the sign-in of the caller is recent and alive.
   * @throws AppError `token_user_unknown`, `reauthentication_required`
   */
  const lockFor = async ({ em, query }: Transaction, caller: Principal) => {
    const user = await em.findOne(UserAccountEntity, { id: userOf(caller) }, { lockMode });
    if (!user) throw unknownUser();
    await assertRecentSignIn(caller, query);
    return user;
  };

  /** A reset by mail would remove the second factor of an address that nobody has proved to own. See docs/decisions/0290. */
  const assertVerified = ({ emailVerifiedAt }: { readonly emailVerifiedAt?: Date | null | undefined }): void => {
    if (verifiedForSecondFactor && !emailVerifiedAt) throw unverified();
  };

  return {
    ...createSecondFactorReads(deps),

    begin: async (caller) => {
      const userId = userOf(caller);
      const secret = newTotpSecret();
      return unitOfWork.run(changeOf(userId), async (transaction) => {
        const { em } = transaction;
        const user = await lockFor(transaction, caller);
        const stored = await em.findOne(UserSecondFactorEntity, { user: userId });
        if (stored?.confirmedAt) throw enabled();
        assertVerified(user);
        const values = { secret: cipher.encrypt(secret, placeOf(userId)), createdAt: clock.now(), failures: 0 };
        if (stored) Object.assign(stored, values);
        else em.create(UserSecondFactorEntity, { user, ...values });
        return { secret, uri: totpUri(secret, user.email) };
      });
    },

    confirm: async (caller, code) => {
      const userId = userOf(caller);
      const codes = newRecoveryCodes();
      // The transaction must commit after a wrong code too, because it counts the failure.
      const { refusal, tokens } = await unitOfWork.run(changeOf(userId), async (transaction) => {
        const { em } = transaction;
        const user = await lockFor(transaction, caller);
        const stored = await em.findOne(UserSecondFactorEntity, { user: userId });
        if (!stored) throw none();
        if (stored.confirmedAt) throw enabled();
        assertVerified(user);
        const step = stepOfCode(cipher.decrypt(stored.secret, placeOf(userId)), code, clock.now());
        if (step === undefined) {
          stored.failures += 1;
          const isLast = stored.failures >= maxSecondFactorFailures;
          if (isLast) em.remove(stored);
          count('totp', isLast ? 'locked' : 'refused');
          return { refusal: wrongCode(isLast), tokens: [] };
        }
        count('totp', 'accepted');
        const at = clock.now();
        Object.assign(stored, { confirmedAt: at, lastStep: step, failures: 0 });
        for (const each of codes) em.create(RecoveryCodeEntity, { user, codeHash: recoveryCodeDigest(each) });
        await record(transaction, userId, 'user.second_factor_enabled');
        await mail.notify(transaction, { kind: 'second_factor_enabled', recipient: user.email, userId });
        // SQL follows, which must see the second factor as confirmed.
        await em.flush();
        // They were begun with the password alone, and could remove the second factor.
        const keep = { sessionId: caller.sessionId, tokenId: caller.tokenId };
        const ended = await endSignIns(transaction, userId, { at, reason: 'second_factor_enabled', keep });
        await endLegacyTokens(transaction, userId, caller, at);
        return { refusal: undefined, tokens: ended.tokens };
      });
      if (refusal) throw refusal;
      revocations.announce(tokens);
      return codes;
    },

    remove: async (caller) => {
      const userId = userOf(caller);
      await unitOfWork.run(changeOf(userId), async (transaction) => {
        await lockFor(transaction, caller);
        if ((await removeSecondFactor(transaction, userId, { audit, mail })) === 'none') throw none();
      });
    },

    check: async (transaction, userId, code) => {
      const { em, query } = transaction;
      const stored = await em.findOne(
        UserSecondFactorEntity,
        { user: userId, confirmedAt: { $ne: null } },
        { lockMode },
      );
      if (!stored) return 'refused';
      if (!/^\d{6}$/.test(code)) {
        // One statement, so that of two requests with one code only one succeeds.
        const used = await query('delete from recovery_code where user_id = $1 and code_hash = $2 returning 1', [
          userId,
          recoveryCodeDigest(code),
        ]);
        count('recovery_code', used.length > 0 ? 'accepted' : 'refused');
        if (used.length === 0) return 'refused';
        stored.failures = 0;
        await record(transaction, userId, 'user.recovery_code_used');
        return 'accepted';
      }
      if (stored.failures >= maxSecondFactorFailures) {
        count('totp', 'locked');
        return 'locked';
      }
      const secret = cipher.decrypt(stored.secret, placeOf(userId));
      const step = stepOfCode(secret, code, clock.now());
      if (step === undefined || step <= stored.lastStep) {
        stored.failures += 1;
        count('totp', 'refused');
        return 'refused';
      }
      // Encrypted again, so that it gets the current key.
      Object.assign(stored, { secret: cipher.encrypt(secret, placeOf(userId)), lastStep: step, failures: 0 });
      count('totp', 'accepted');
      return 'accepted';
    },
  };
};
