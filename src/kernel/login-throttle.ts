/**
 * Failed sign-ins per account, across instances. `account` is a keyed digest of the normalised e-mail address, so that
 * neither the store nor its keys hold personal data; addresses that nobody has are throttled alike. The limit per
 * network address is the `login` rate-limit policy's.
 */
export type LoginThrottle = {
  /** @throws AppError `rate_limit_exceeded` with `retryAfter` while the account has failed too often */
  readonly check: (account: string) => Promise<void>;
  /** @returns true when this failure used up what the account is allowed */
  readonly failed: (account: string) => Promise<boolean>;
  /** Forgets the account's failures. */
  readonly succeeded: (account: string) => Promise<void>;
};
