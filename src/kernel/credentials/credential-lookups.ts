/** The kinds of credentials that only the database or a password hash can verify. */
export type LookedUpCredential =
  | 'api_key'
  | 'session'
  | 'refresh_token'
  | 'client_secret'
  | 'calendar_state'
  | 'account_token';

export type CredentialLookup = {
  readonly kind: LookedUpCredential;
  readonly secret: string;
  /** Whether its tag shows that this service made the secret. Such a secret is looked up in any case. */
  readonly isOurs: boolean;
};

/**
 * Guards the database and the password hashes against credentials that somebody made up. An address whose credentials
 * were refused often must wait. Other callers of the same address are not affected when their credential was accepted
 * before or has the tag of this service.
 */
export type CredentialLookups = {
  /**
   * Runs `find` if this credential may be looked up.
   * @param find returns undefined, or throws an error of category authentication, for a refused credential
   * @returns undefined for a refused credential
   * @throws AppError `rate_limit_exceeded`, and what `find` throws
   */
  readonly run: <T>(lookup: CredentialLookup, find: () => Promise<T | undefined>) => Promise<T | undefined>;
};

/** For RATE_LIMIT_ENABLED=false and tests. */
export const unlimitedLookups: CredentialLookups = { run: (_, find) => find() };
