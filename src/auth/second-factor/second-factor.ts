import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';

/** Days after the addition of a second factor in which a reset of the password by mail removes it. */
export const newFactorDays = 7;

type SecondFactorState = {
  readonly enabled: boolean;
  readonly confirmedAt: Date | null;
  readonly recoveryCodesLeft: number;
};

/** The methods with a caller throw AppError `resource_not_found` for callers that are no users, and `token_user_unknown`. */
export type SecondFactors = {
  readonly state: (caller: Principal) => Promise<SecondFactorState>;
  /**
   * Makes a secret, which is in effect after `confirm`.
   * @throws AppError `second_factor_enabled`, `reauthentication_required`
   */
  readonly begin: (caller: Principal) => Promise<{ readonly secret: string; readonly uri: string }>;
  /**
   * Enables the second factor, and ends all other sign-ins of the user. @returns the recovery codes, which are shown only here
   * @throws AppError `resource_not_found` without `begin`, `second_factor_enabled`, `validation_failed` for a wrong code
   */
  readonly confirm: (caller: Principal, code: string) => Promise<readonly string[]>;
  /** @throws AppError `resource_not_found`, `reauthentication_required` */
  readonly remove: (caller: Principal) => Promise<void>;
  /**
   * Checks a code of the authenticator or a recovery code. Each is accepted once.
   * @returns `locked` for each code of the authenticator after many wrong ones
   */
  readonly check: (
    transaction: Transaction,
    userId: string,
    code: string,
  ) => Promise<'accepted' | 'refused' | 'locked'>;
};

/** The id of the calling user. @throws AppError `resource_not_found`, `token_user_unknown` */
export const userOf = ({ kind, subject }: Principal): string => {
  if (kind !== 'user') throw new AppError('resource_not_found', 'Only users have a second factor');
  if (!isAccountId(subject)) throw unknownUser();
  return subject.toLowerCase();
};
