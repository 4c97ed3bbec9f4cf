import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { SignInAttempt } from '#src/kernel/ports/rate-limiter.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';
import { findUser, normalizedEmail, type FoundUser } from '../users/users.ts';
import type { SignInPlaces } from './sign-in-places.ts';
import type { SignInRefusals } from './sign-in-refusals.ts';

export type PasswordCheckDeps = {
  readonly reader: Reader;
  readonly hasher: SecretHasher;
  readonly places: SignInPlaces;
  readonly refusals: SignInRefusals;
  /** Whether users must verify their address before they can sign in. */
  readonly verificationRequired: boolean;
};

type PasswordAttempt = { readonly email: string; readonly password: string; readonly clientIp: string };

type CheckedPassword = {
  readonly user: FoundUser;
  readonly attempt: SignInAttempt;
  readonly placeHash: Buffer;
  /** The stored hash has other parameters than the configuration. */
  readonly outdated: boolean;
};

/** `sign_in`: for a sign-in. `confirmation`: a signed-in user confirms a change with the password. */
type PasswordUse = 'sign_in' | 'confirmation';

/**
 * Checks the password of an account. All sign-ins share the limits of guesses, and so do all confirmations. Those of confirmations
 * are their own, because anybody can use up the ones of sign-ins, and a signed-in user must be able to change the password then.
 * @throws AppError `credentials_invalid`, `rate_limit_exceeded`, `overloaded`
 */
export type CheckPassword = (attempt: PasswordAttempt, use: PasswordUse) => Promise<CheckedPassword>;

const refusedActions = { sign_in: 'user.sign_in_refused', confirmation: 'user.password_refused' } as const;
const refusedDetails = { sign_in: 'Wrong e-mail or password', confirmation: 'The current password is wrong' } as const;

/** With required verification each refused sign-in says so, because the refusal must not reveal which of the three it is. */
const unverifiedDetail =
  'Wrong e-mail or password, or the address is not verified yet: see the message that was sent to it';

export type PasswordRefused = (use: PasswordUse) => AppError;

export const createPasswordRefused =
  (verificationRequired: boolean): PasswordRefused =>
  (use) => {
    const detail = use === 'sign_in' && verificationRequired ? unverifiedDetail : refusedDetails[use];
    return new AppError('credentials_invalid', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
  };

export const createPasswordCheck = (deps: PasswordCheckDeps): CheckPassword => {
  const { reader, hasher, places, refusals } = deps;
  const passwordRefused = createPasswordRefused(deps.verificationRequired);

  const isUnverified = (user: FoundUser, use: PasswordUse): boolean =>
    use === 'sign_in' && deps.verificationRequired && !user.verified;

  return async ({ email, password, clientIp }, use) => {
    const account = normalizedEmail(email);
    const user = await findUser(reader.query, account);
    const knownPlace = await places.isKnown(reader.query, { id: user?.id, email: account }, clientIp);
    const attempt = { account: use === 'sign_in' ? account : `confirmation of ${account}`, clientIp, knownPlace };
    // The owner of a confirmation is signed in, so its refusals tell nothing.
    const isSignIn = use === 'sign_in';
    await refusals[isSignIn ? 'assertMaySignIn' : 'assertNotThrottled'](attempt, user?.id);
    const { valid, outdated } = await hasher.verify(password, user?.password_hash);
    if (!valid || !user || user.disabled || isUnverified(user, use)) {
      refusals.record({ action: refusedActions[use], reason: 'credentials_invalid' }, user?.id);
      if (isSignIn) await refusals.assertNotThrottledAsNew(attempt, user?.id);
      throw passwordRefused(use);
    }
    return { user, attempt, placeHash: places.hashOf(user.id, clientIp), outdated };
  };
};
