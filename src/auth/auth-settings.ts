import type { Roles } from '#src/kernel/ports/roles.ts';
import type { SecretHashing } from './secrets/secret-hasher.ts';
import type { SameSite } from './sessions/cookies.ts';

export type AuthSettings = {
  readonly issuer: string;
  readonly audience: string;
  /** Issuers whose tokens are accepted beside those of `issuer`. */
  readonly formerIssuers: readonly string[];
  /** Absolute base URL of this service without a slash at its end, known once it listens. The issuer in the metadata. */
  readonly publicUrl: () => string;
  readonly accessTokenSeconds: number;
  readonly clockToleranceSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly sessionSeconds: number;
  readonly sessionIdleSeconds: number;
  readonly sameSite: SameSite;
  readonly minPasswordCharacters: number;
  readonly maxUsersWithoutSignIn: number;
  /** Max registrations of one network in a day. */
  readonly maxRegistrationsPerNetwork: number;
  /** Max stored refresh tokens of one sign-in. */
  readonly maxTokensPerSignIn: number;
  /** Max sign-ins with tokens of one user; a new one ends the oldest one. */
  readonly maxFamiliesPerUser: number;
  readonly secondStepSeconds: number;
  readonly recentSignInSeconds: number;
  readonly maxSecondFactorFailures: number;
  /** Max number of active API keys of an owner. */
  readonly maxApiKeys: number;
  readonly keyRotationHours: number;
  readonly hashing: SecretHashing;
  readonly roles: Roles;
  readonly revocationPollMs: number;
  /** Whether access tokens of users without an account here are accepted. */
  readonly foreignUsers: boolean;
  readonly passwordResetSeconds: number;
  /** Lifetime of tokens that verify or change an e-mail address. */
  readonly emailTokenSeconds: number;
  /** Whether users must verify their address before they can sign in. */
  readonly verificationRequired: boolean;
  /** Whether only a user whose address is verified can have a second factor: where messages reach people. */
  readonly verifiedForSecondFactor: boolean;
  /** Days between the request to remove an account and the removal. */
  readonly removalGraceDays: number;
  /** Page of the front end that completes the steps of messages, if there is one. */
  readonly accountPageUrl: string | undefined;
  readonly usageFlushMs: number;
  readonly cleanUpMs: number;
  /** Further origins whose pages may use the session of a user. The origin of `publicUrl` is always allowed. */
  readonly origins: readonly string[];
};
