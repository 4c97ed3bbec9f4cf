import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { SignInOrigin } from '../own-sessions/sign-in-origin.ts';
import type { User } from '../users/users.ts';

export type NewSession = { readonly token: string; readonly csrfToken: string; readonly expiresInSeconds: number };

export type Sessions = {
  /** Opens a session with a new token. The session of the token `previous` ends, so that no old token survives a sign-in. */
  readonly open: (
    transaction: Transaction,
    user: User,
    origin: SignInOrigin,
    previous: string | undefined,
  ) => Promise<NewSession>;
  /**
   * The user of the session. Undefined: the token is unknown or its session has ended.
   * @throws AppError `rate_limit_exceeded` when many credentials of the address were refused
   */
  readonly authenticate: (token: string) => Promise<Principal | undefined>;
  /** @returns false if it had ended. Of requests at the same time, one gets true. */
  readonly end: (transaction: Transaction, sessionId: string) => Promise<boolean>;
  /** The CSRF token that state-changing requests of the session must send. */
  readonly csrfToken: (sessionToken: string) => string;
  readonly matchesCsrfToken: (sessionToken: string, csrfToken: string) => boolean;
};
