/**
 * Guards one account against guessed passwords, whatever addresses the guesses come from. The address itself is
 * limited by the route's `login` policy before the handler runs.
 */
export type LoginThrottle = {
  /**
   * Counts an attempt before the password is looked at, whether or not the account exists: refusals tell nothing about
   * that. Of simultaneous attempts exactly as many pass as the policy allows, also across processes.
   * @param account what the caller claims to be, an e-mail address for example; kept as a keyed hash only
   * @throws AppError `rate_limit_exceeded` with Retry-After
   */
  readonly attempt: (account: string) => Promise<void>;
  /** Forgets the attempts: the password was right. */
  readonly succeeded: (account: string) => Promise<void>;
};

/** For RATE_LIMIT_ENABLED=false and tests. */
export const noLoginThrottle: LoginThrottle = { attempt: async () => {}, succeeded: async () => {} };
