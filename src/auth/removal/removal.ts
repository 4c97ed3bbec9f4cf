import { dayMs } from '#src/kernel/calendar.ts';
import { LockMode } from '@mikro-orm/core';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Roles } from '#src/kernel/ports/roles.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import {
  assertOtherAdministrator,
  createRefusalRecord,
  isAdministrator,
} from '../administration/last-administrator.ts';
import { UserAccountEntity } from '../account-entities.ts';
import { endAddressChange } from '../letters/end-requests.ts';
import { endSignIns, endTokensIssuedBefore } from '../sessions/end-sign-ins.ts';
import type { CheckPassword } from '../sign-in/password-check.ts';
import type { Revocations } from '../tokens/revocations.ts';
import type { FindOwnAccount } from '../users/own-account-reads.ts';
import { lockConfirmed } from '../sign-in/password-unchanged.ts';

export type RemovalDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly findOwnAccount: FindOwnAccount;
  readonly checkPassword: CheckPassword;
  readonly throttle: LoginThrottle;
  readonly revocations: Revocations;
  readonly mail: Mail;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly roles: Roles;
  /** Days between the request and the removal. */
  readonly graceDays: number;
};

export type Removal = {
  /**
   * Plans the removal of the account of the caller, and ends all its sign-ins. A second request keeps the day.
   * @returns the time of the removal
   * @throws AppError `credentials_invalid`, `last_administrator`, `rate_limit_exceeded`, `overloaded`
   */
  readonly request: (principal: Principal, password: string, clientIp: string) => Promise<Date>;
  /** Cancels the removal of an account if it is planned, because the user has signed in or has reset the password. */
  readonly cancel: (transaction: Transaction, userId: string, email: string) => Promise<void>;
};

/** Removal of an account on request of its user, after a grace period in which a sign-in or a reset of the password cancels it. */
export const createRemoval = (deps: RemovalDeps): Removal => {
  const { unitOfWork, findOwnAccount, checkPassword, throttle, revocations, mail, audit, clock, roles, graceDays } =
    deps;
  const recordingRefusal = createRefusalRecord(deps);

  const eventOf = (userId: string) =>
    ({
      stream: `user:${userId}`,
      actor: { kind: 'user', subject: userId },
      outcome: 'success',
      target: userId,
    }) as const;

  return {
    request: async (principal, password, clientIp) => {
      const { id: userId, email } = await findOwnAccount(principal);
      const { user, attempt } = await checkPassword({ email, password, clientIp }, 'confirmation');
      // The password was right, also if the last administrator is refused.
      await throttle.succeeded(attempt);
      const planned = await recordingRefusal(userId, () =>
        unitOfWork.run({ operation: 'account.removal', alone: lockNames.account(userId) }, async (transaction) => {
          const lockMode = LockMode.PESSIMISTIC_WRITE;
          await lockConfirmed(transaction, user, principal);
          const account = await transaction.em.findOneOrFail(UserAccountEntity, { id: userId }, { lockMode });
          const now = clock.now();
          const removalAt = account.removalAt ?? new Date(now.getTime() + graceDays * dayMs);
          const isNew = account.removalAt === null || account.removalAt === undefined;
          if (isNew && isAdministrator(roles, { ...account, disabled: false })) {
            await assertOtherAdministrator(transaction, roles, userId);
          }
          account.removalAt = removalAt;
          await transaction.em.flush();
          const ended = await endSignIns(transaction, userId, { at: now, reason: 'removal_requested' });
          await endTokensIssuedBefore(transaction, { kind: 'user', id: userId }, now);
          await endAddressChange(transaction, userId);
          const data = { removal_at: removalAt.toISOString() };
          if (isNew) {
            await audit.record(transaction, { ...eventOf(userId), action: 'user.removal_requested', data });
            await mail.notify(transaction, { kind: 'removal_planned', recipient: email, userId });
          }
          return { removalAt, tokens: ended.tokens };
        }),
      );
      revocations.announce(planned.tokens);
      return planned.removalAt;
    },

    cancel: async (transaction, userId, email) => {
      // SQL, because most accounts that come here have no planned removal, and one statement finds and cancels it.
      const cancelled = await transaction.query(
        'update user_account set removal_at = null where id = $1 and removal_at is not null returning 1',
        [userId],
      );
      if (cancelled.length === 0) return;
      await audit.record(transaction, { ...eventOf(userId), action: 'user.removal_cancelled' });
      await mail.notify(transaction, { kind: 'removal_cancelled', recipient: email, userId });
    },
  };
};
