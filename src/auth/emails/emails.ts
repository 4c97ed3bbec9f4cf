import { LockMode } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { AuditTrail, DoneAction } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { EmailChangeEntity, UserAccountEntity, type AccountTokenPurpose } from '../account-entities.ts';
import { accountTokenInvalid, type TokenHolder } from '../letters/account-token-reads.ts';
import type { AccountTokens } from '../letters/account-tokens.ts';
import type { CheckPassword } from '../sign-in/password-check.ts';
import { lockConfirmed } from '../sign-in/password-unchanged.ts';
import type { FindOwnAccount } from '../users/own-account-reads.ts';
import { markVerified, normalizedEmail } from '../users/users.ts';
import { applyEmailChange } from './apply-email-change.ts';

export type EmailsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly findOwnAccount: FindOwnAccount;
  readonly checkPassword: CheckPassword;
  readonly throttle: LoginThrottle;
  readonly tokens: AccountTokens;
  readonly mail: Mail;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Lifetime of a change that waits for its confirmations. */
  readonly changeSeconds: number;
  readonly verificationRequired: boolean;
};

/** `waiting`: the other address must confirm too. */
export const emailStatuses = ['verified', 'waiting', 'changed'] as const;
type EmailStatus = (typeof emailStatuses)[number];

export type Emails = {
  /**
   * Asks for another address. The caller cannot see whether it has an account. For the own address it asks for another
   * verification message.
   * @throws AppError `credentials_invalid`, `rate_limit_exceeded`, `mail_not_configured`, `quota_exceeded`
   */
  readonly requestChange: (
    principal: Principal,
    wanted: { readonly email: string; readonly password: string },
    clientIp: string,
  ) => Promise<void>;
  /**
   * Uses a token of a message: it verifies the address of an account, or confirms a change. A new address is confirmed only by the user who asked for it: the
   * owner of the address could otherwise be brought to give it to the account of somebody else.
   * @throws AppError `account_token_invalid`, `rate_limit_exceeded`, `email_taken`; `credentials_missing` when the caller is not the user who asked for a new address. Then the
   * token still works
   */
  readonly confirm: (token: string, caller: Principal | undefined) => Promise<EmailStatus>;
};

const assertAskedFor = (userId: string, caller: Principal | undefined): void => {
  if (caller?.kind === 'user' && caller.subject === userId) return;
  const detail =
    'A new address is confirmed by the user who asked for it: sign in to that account, and send the token with its access token or session';
  throw new AppError('credentials_missing', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
};

const purposes: readonly AccountTokenPurpose[] = ['email_verification', 'email_change', 'email_approval'];
const changePurposes: readonly AccountTokenPurpose[] = ['email_change', 'email_approval'];

/**
 * An address that was never verified may be mistyped, so that nobody can approve a change. Without approval the change is made at once for an account that is
 * younger than this, else when it is asked for again after this time. In between the owner of the address can end it by a reset of the password.
 */
const unapprovedMs = 72 * 3_600_000;

/** The e-mail address of a user: its verification, and its change with a confirmation from both addresses. */
export const createEmails = (deps: EmailsDeps): Emails => {
  const { unitOfWork, findOwnAccount, checkPassword, throttle, tokens, mail, audit, clock, changeSeconds } = deps;

  const record = (transaction: Transaction, userId: string, action: DoneAction): Promise<void> =>
    audit.record(transaction, {
      stream: `user:${userId}`,
      action,
      actor: { kind: 'user', subject: userId },
      outcome: 'success',
      target: userId,
    });

  /** Stores the change. An earlier change of the account and its tokens end. */
  const storeChange = async (
    transaction: Transaction,
    userId: string,
    newEmail: string,
    isVerified: boolean,
  ): Promise<void> => {
    const { em } = transaction;
    await tokens.end(transaction, userId, changePurposes);
    const now = clock.now();
    const waiting = await em.findOne(EmailChangeEntity, { user: userId, newEmail, expiresAt: { $gt: now } });
    const values = {
      newEmail,
      confirmedAt: null,
      approvedAt: null,
      createdAt: waiting?.createdAt ?? now,
      // Longer than its tokens, because the change of an address that was never verified may wait for `unapprovedMs`.
      expiresAt: new Date(now.getTime() + changeSeconds * 1_000 + (isVerified ? 0 : unapprovedMs)),
    };
    await em.upsert(EmailChangeEntity, { user: userId, ...values });
  };

  /** @returns whether the change was made, or waits for the other address */
  const confirmChange = async (
    transaction: Transaction,
    { userId, email }: Pick<TokenHolder, 'userId' | 'email'>,
    purpose: AccountTokenPurpose,
  ): Promise<EmailStatus> => {
    const { em } = transaction;
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    // The account first, as every other change does, so that two changes cannot wait for each other.
    const account = await em.findOneOrFail(UserAccountEntity, { id: userId }, { lockMode });
    const change = await em.findOne(EmailChangeEntity, { user: userId }, { lockMode });
    // A token can be younger than the change, because it is made when its message is sent.
    if (!change || change.expiresAt <= clock.now()) throw accountTokenInvalid();
    if (purpose === 'email_change') change.confirmedAt = clock.now();
    else change.approvedAt = clock.now();
    const now = clock.now().getTime();
    const mayBeMistyped =
      now - account.createdAt.getTime() < unapprovedMs || now - change.createdAt.getTime() >= unapprovedMs;
    const isApproved = change.approvedAt !== null || (account.emailVerifiedAt === null && mayBeMistyped);
    if (change.confirmedAt === null || !isApproved) return 'waiting';
    await applyEmailChange(transaction, account, change, clock.now());
    await mail.forget(transaction, email);
    await tokens.end(transaction, userId, [...purposes, 'password_reset']);
    await record(transaction, userId, 'user.email_changed');
    await mail.notify(transaction, { kind: 'email_changed', recipient: email, userId });
    return 'changed';
  };

  const redeem = async (token: string, caller: Principal | undefined): Promise<EmailStatus> => {
    const { userId: account } = await tokens.find(purposes, token);
    return unitOfWork.run({ operation: 'account.email', alone: lockNames.account(account) }, async (transaction) => {
      const holder = await tokens.redeem(transaction, purposes, token);
      if (holder.purpose === 'email_change') assertAskedFor(holder.userId, caller);
      if (holder.purpose !== 'email_verification') return confirmChange(transaction, holder, holder.purpose);
      const { userId } = holder;
      await markVerified(transaction, userId, clock.now());
      await record(transaction, userId, 'user.email_verified');
      return 'verified';
    });
  };

  return {
    requestChange: async (principal, { email: given, password }, clientIp) => {
      const { id: userId, email } = await findOwnAccount(principal);
      const { user, attempt } = await checkPassword({ email, password, clientIp }, 'confirmation');
      // The password was right, also if a limit of messages refuses the request.
      await throttle.succeeded(attempt);
      const newEmail = normalizedEmail(given);
      const alone = [lockNames.account(userId), lockNames.address(newEmail)];
      await unitOfWork.run({ operation: 'account.email', alone }, async (transaction) => {
        // A change of the password ends waiting changes, so none may be stored after it with the former password.
        await lockConfirmed(transaction, user, principal);
        if (newEmail === email) {
          if (!user.verified)
            await mail.request(transaction, { kind: 'registration', recipient: email, causedByUser: userId });
          return;
        }
        await storeChange(transaction, userId, newEmail, user.verified);
        const by = { userId, causedByUser: userId };
        await mail.request(transaction, { kind: 'email_change', recipient: newEmail, ...by });
        await mail.request(transaction, { kind: 'email_approval', recipient: email, ...by });
        await record(transaction, userId, 'user.email_change_requested');
      });
    },

    confirm: (token, caller) => tokens.guard(token, () => redeem(token, caller)),
  };
};
