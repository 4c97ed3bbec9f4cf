/** One attempt to sign in. */
export type SignInAttempt = {
  /** The account name in the request, for example an e-mail address. Only a keyed hash of it is stored. */
  readonly account: string;
  /** The IP address of the caller. */
  readonly clientIp: string;
  /** Whether this account has signed in from this network before. */
  readonly knownPlace: boolean;
};

export type ThrottleRefusal = {
  readonly retryAfterSeconds: number;
  /** True for the first refusal of a delay. Only this refusal is reported. */
  readonly isFirst: boolean;
};

/**
 * Protects accounts against guessed passwords with two limits. The pair of account and network has a small limit and
 * then increasing delays. The account has a larger limit for all networks without an earlier sign-in; so guesses from
 * many addresses never block the owner on a network that was used before. A network has a max number of accounts without
 * an earlier sign-in that are counted alone; further ones are counted together, so the counters are bounded. In addition the policy `login` of the route
 * limits the address before the handler runs.
 */
export type LoginThrottle = {
  /**
   * Counts an attempt. Accounts that do not exist are counted too, so that a refusal does not show whether the account
   * exists. Of simultaneous attempts, also of several processes, exactly the allowed number passes.
   * @returns undefined if the password may be checked
   */
  readonly attempt: (attempt: SignInAttempt) => Promise<ThrottleRefusal | undefined>;
  /**
   * Must be called after a wrong password. At a known place the attempt passes where others of the network are refused, and the answer to a wrong
   * password would say so. So it is counted as one of a new place beside, with counters of its own, which delay no right password.
   * @returns the refusal that the account would have got from a new place
   */
  readonly failed: (attempt: SignInAttempt) => Promise<ThrottleRefusal | undefined>;
  /**
   * Must be called for a refused sign-in. A known place has a counter of its own, whose delay would say that the account signs in from there.
   * @param refusal the refusal of `attempt`
   * @returns the refusal that a new place would get now; `refusal` if it would get none
   */
  readonly shown: (attempt: SignInAttempt, refusal: ThrottleRefusal) => Promise<ThrottleRefusal>;
  /** Resets the counters of the pair, because the password was right. */
  readonly succeeded: (attempt: SignInAttempt) => Promise<void>;
};

/** For RATE_LIMIT_ENABLED=false and tests. */
export const noLoginThrottle: LoginThrottle = {
  attempt: async () => undefined,
  failed: async () => undefined,
  shown: async (_attempt, refusal) => refusal,
  succeeded: async () => {},
};
