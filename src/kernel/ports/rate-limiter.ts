/** One attempt to sign in, before the password is looked at. */
export type SignInAttempt = {
  /** What the caller claims to be, for example an e-mail address; kept as a keyed hash only. */
  readonly account: string;
  /** The address that the attempt comes from. */
  readonly clientIp: string;
  /** Whether this account has signed in from this network before. */
  readonly knownPlace: boolean;
};

/** Thrown refusals say with `begins` whether this refusal is the first of its delay: only that one is reported. */
export type ThrottleRefusal = { readonly retryAfterSeconds: number; readonly begins: boolean };

/**
 * Guards one account against guessed passwords. The pair of account and network has a small budget and then growing
 * delays. The account alone has a wide budget, from networks that it has not signed in from before: guesses from many
 * addresses never keep the owner out of a network that he has used. The address is limited by the route's `login`
 * policy before the handler runs.
 */
export type LoginThrottle = {
  /**
   * Counts an attempt whether or not the account exists, so refusals tell nothing about that. Of simultaneous attempts
   * exactly as many pass as the policy allows, also across processes.
   * @returns undefined when the password may be looked at
   */
  readonly attempt: (attempt: SignInAttempt) => Promise<ThrottleRefusal | undefined>;
  /** Forgets the attempts of this pair: the password was right. */
  readonly succeeded: (attempt: SignInAttempt) => Promise<void>;
};

/** For RATE_LIMIT_ENABLED=false and tests. */
export const noLoginThrottle: LoginThrottle = { attempt: async () => undefined, succeeded: async () => {} };
