import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { AccountNotices } from '#src/kernel/ports/account-notices.ts';
import { anonymousStream, type AuditEvent, type AuditTrail, type RefusalAction } from '#src/kernel/ports/audit.ts';
import type { LoginThrottle, SignInAttempt, ThrottleRefusal } from '#src/kernel/ports/rate-limiter.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';

export type SignInRefusalsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly throttle: LoginThrottle;
  readonly notices: AccountNotices;
  readonly abuse: AbuseReport;
};

/** @param userId undefined if the account does not exist */
export type SignInRefusals = {
  readonly record: (
    refusal: Pick<AuditEvent, 'reason'> & { readonly action: RefusalAction },
    userId: string | undefined,
  ) => void;
  /**
   * Counts an attempt. The refusal does not depend on whether the account exists. It is recorded once per delay, not per
   * attempt.
   * @throws AppError `rate_limit_exceeded`
   */
  readonly assertNotThrottled: (attempt: SignInAttempt, userId: string | undefined) => Promise<void>;
  /**
   * As `assertNotThrottled`, for a caller who has not signed in. Where the account signs in from this network, the refusal is that of one that does not.
   * @throws AppError `rate_limit_exceeded`
   */
  readonly assertMaySignIn: (attempt: SignInAttempt, userId: string | undefined) => Promise<void>;
  /**
   * Must be called after a wrong password, before its refusal, so that the answer does not show that the account signs in from this network.
   * @throws AppError `rate_limit_exceeded` where an account without a sign-in from this network would get it
   */
  readonly assertNotThrottledAsNew: (attempt: SignInAttempt, userId: string | undefined) => Promise<void>;
};

export const createSignInRefusals = (deps: SignInRefusalsDeps): SignInRefusals => {
  const { unitOfWork, audit, throttle, notices, abuse } = deps;

  const record: SignInRefusals['record'] = (refusal, userId) =>
    audit.refuse(unitOfWork, {
      ...refusal,
      ...(userId === undefined
        ? { stream: anonymousStream(), target: 'unknown' }
        : { stream: `user:${userId}`, target: userId }),
    });

  const refuse = (
    refusal: ThrottleRefusal | undefined,
    { clientIp }: SignInAttempt,
    userId: string | undefined,
  ): void => {
    if (!refusal) return;
    abuse.refused('login_throttled', clientIp);
    if (refusal.isFirst) {
      record({ action: 'user.sign_in_throttled', reason: 'rate_limit_exceeded' }, userId);
      if (userId !== undefined) notices.signInsThrottled(userId);
    }
    const detail = `Too many attempts to sign in to this account; the next one is possible in ${refusal.retryAfterSeconds} s`;
    throw new AppError('rate_limit_exceeded', detail, { retryAfter: refusal.retryAfterSeconds });
  };

  return {
    record,
    assertNotThrottled: async (attempt, userId) => refuse(await throttle.attempt(attempt), attempt, userId),
    assertMaySignIn: async (attempt, userId) => {
      const refusal = await throttle.attempt(attempt);
      if (refusal) refuse(await throttle.shown(attempt, refusal), attempt, userId);
    },
    assertNotThrottledAsNew: async (attempt, userId) => refuse(await throttle.failed(attempt), attempt, userId),
  };
};
