import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createSecretCipher } from '#src/kernel/secrets/secret-cipher.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';
import type { Cursors } from '#src/kernel/lists/pagination.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { createTaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { AuthSettings } from './auth-settings.ts';
import { accountRoutes } from './users/user-routes.ts';
import { createAccounts } from './users/accounts.ts';
import { createAccountTokens } from './letters/account-tokens.ts';
import { createEmails } from './emails/emails.ts';
import { emailRoutes } from './emails/email-routes.ts';
import { createLetters } from './letters/letters.ts';
import type { Mail, WriteLetter } from '#src/kernel/ports/account/mail.ts';
import { createRemoval } from './removal/removal.ts';
import { removalRoutes } from './removal/removal-routes.ts';
import { createPasswords, type PasswordsDeps } from './passwords/passwords.ts';
import { passwordRoutes } from './passwords/password-routes.ts';
import { createPasswordCheck } from './sign-in/password-check.ts';
import { apiKeyRoutes } from './api-keys/api-key-routes.ts';
import { createKeyChanges } from './api-keys/key-changes.ts';
import { createNewKeys } from './api-keys/new-key.ts';
import { createApiKeys } from './api-keys/api-keys.ts';
import { createUserAdmin } from './administration/user-admin.ts';
import { userAdminRoutes } from './administration/user-admin-routes.ts';
import { createEndCredentials, type EndCredentialsDeps } from './owners/end-credentials.ts';
import type { EraseUserDeps } from './owners/erase-user.ts';
import { createAuthenticator, type Authenticate } from './authenticator.ts';
import { createClientStore, type ClientStoreDeps } from './clients/clients.ts';
import { createSessionCookies } from './sessions/cookies.ts';
import { createCsrfCheck, type CheckCsrf } from './sessions/csrf.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { createLegacyUsers } from './users/legacy-users.ts';
import { createMaintenance, type MaintenanceDeps } from './maintenance.ts';
import { createMeasure, measuredHasher } from './measured.ts';
import { createSecondFactors } from './second-factor/second-factors.ts';
import { secondFactorRoutes } from './second-factor/second-factor-routes.ts';
import { createSecondStep } from './second-factor/second-step.ts';
import { secondStepRoute } from './second-factor/second-step-route.ts';
import { createRecentSignIn } from './sign-in/recent-sign-in.ts';
import { createSignInRefusals } from './sign-in/sign-in-refusals.ts';
import { createOwnSessions } from './own-sessions/own-sessions.ts';
import { ownSessionRoutes } from './own-sessions/own-session-routes.ts';
import { createOwnerRule } from './owners/owner-rule.ts';
import { createOwnAccountReads } from './users/own-account-reads.ts';
import { createPasswordRules } from './users/password-rules.ts';
import { createRefreshTokens } from './tokens/refresh-tokens.ts';
import { createBucketOfRequest, createRegistrationQuota } from './users/registration-quota.ts';
import { revocationRoute } from './tokens/revocation-endpoint.ts';
import { createRevocations, type RevocationFeed } from './tokens/revocations.ts';
import { keySetRoute, meRoute, metadataRoute } from './tokens/token-routes.ts';
import { createSecretHasher } from './secrets/secret-hasher.ts';
import { createSessions } from './sessions/sessions.ts';
import { createLoggedNotices } from './sign-in/logged-notices.ts';
import { createSignInPlaces } from './sign-in/sign-in-places.ts';
import { tokenRoute } from './tokens/token-endpoint.ts';
import { createTokenIssuer } from './tokens/token-issuer.ts';
import { createTokenVerifier } from './tokens/token-verifier.ts';
import { createUsageLog } from './api-keys/usage-log.ts';
import { createPages } from '#src/kernel/lists/pages.ts';

// SQL: the times of use of many sessions and keys are written at once, and an older time does not replace a newer one.

export type AuthDeps = {
  readonly settings: AuthSettings;
  readonly keyRing: KeyRing;
  readonly bootstrap: ClientStoreDeps['bootstrap'];
  readonly secrets: {
    readonly apiKeys: string | Uint8Array;
    readonly csrf: Uint8Array;
    readonly places: Uint8Array;
    /** Keys of stored TOTP secrets, 32 bytes each: the first encrypts, all decrypt. */
    readonly secondFactors: readonly Uint8Array[];
    /** Key of the tags of credentials. */
    readonly tags: Uint8Array;
  };
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly databaseTime: MaintenanceDeps['databaseTime'];
  readonly audit: AuditTrail;
  readonly throttle: LoginThrottle;
  readonly lookups: CredentialLookups;
  readonly owners: Owners;
  readonly mail: Mail;
  readonly abuse: AbuseReport;
  /** Removes the webhooks of a user whom an administrator disables. @returns the number of webhooks */
  readonly removeWebhooks: EndCredentialsDeps['removeWebhooks'];
  readonly removeData: EraseUserDeps['removeData'];
  readonly removeSettings: PasswordsDeps['removeSettings'];
  readonly cursors: Cursors;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly revocationFeed?: RevocationFeed | undefined;
};

export type Auth = {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly csrf: CheckCsrf;
  /** Writes the messages that the room asks `mail` to send. */
  readonly letters: WriteLetter;
  /** Deletes expired tokens and sessions. @returns the number of deleted rows */
  readonly cleanUp: () => Promise<number>;
  /** Starts polling and cleaning up. The schema must exist. */
  readonly start: () => void;
  /** Stops polling and writes pending data. Must be called before the database closes. */
  readonly close: () => Promise<void>;
};

export const createAuth = (deps: AuthDeps): Auth => {
  const { settings, keyRing, unitOfWork, clock, logger, metrics, secrets } = deps;
  const { issuer, audience, publicUrl, sessionIdleSeconds, hashing } = settings;
  const measure = createMeasure(deps);
  const shared = { ...deps, ...settings, measure, taggedSecrets: createTaggedSecrets(secrets.tags) };
  const revocations = createRevocations({ ...shared, pollMs: settings.revocationPollMs, feed: deps.revocationFeed });
  const verifier = createTokenVerifier({ ...shared, isRevoked: revocations.isRevoked });
  const tokens = createTokenIssuer({ keyRing, issuer, audience, clock, lifetimeSeconds: settings.accessTokenSeconds });

  const sessionUsage = createUsageLog({
    unitOfWork,
    logger,
    statement: `update user_session set seen_at = greatest(seen_at, used.at)
      from unnest($1::uuid[], $2::timestamptz[]) as used (id, at) where user_session.id = used.id`,
  });
  const keyUsage = createUsageLog({
    unitOfWork,
    logger,
    statement: `update api_key set last_used_at = greatest(last_used_at, used.at)
      from unnest($1::uuid[], $2::timestamptz[]) as used (id, at) where api_key.id = used.id`,
  });

  const refreshTokens = createRefreshTokens({
    ...shared,
    tokens,
    revocations,
    lifetimeSeconds: settings.refreshTokenSeconds,
  });
  const sessions = createSessions({
    ...shared,
    usage: sessionUsage,
    lifetimeSeconds: settings.sessionSeconds,
    idleSeconds: sessionIdleSeconds,
    csrfSecret: secrets.csrf,
  });
  const newKeys = createNewKeys({ ...shared, secret: secrets.apiKeys, maxPerOwner: settings.maxApiKeys });
  const apiKeys = createApiKeys({ ...shared, usage: keyUsage, secret: secrets.apiKeys, newKeys });
  const cookies = createSessionCookies(settings);
  const end = createEndCredentials(deps);
  const places = createSignInPlaces({ key: secrets.places });
  const factors = createSecondFactors({
    ...shared,
    revocations,
    assertRecentSignIn: createRecentSignIn(shared),
    cipher: createSecretCipher({
      keys: secrets.secondFactors,
      unreadable: (cause) =>
        new AppError('auth_service_error', 'The second factor cannot be decrypted with TOKEN_ENCRYPTION_KEY', {
          cause,
        }),
    }),
  });
  const hasher = measuredHasher(createSecretHasher({ ...hashing, metrics, work: 'password' }), measure);
  const refusals = createSignInRefusals({ ...shared, notices: createLoggedNotices({ logger }) });
  const checkPassword = createPasswordCheck({ ...shared, hasher, places, refusals });
  const rules = createPasswordRules({ minCharacters: settings.minPasswordCharacters });
  const accountTokens = createAccountTokens({
    ...shared,
    lifetimeSeconds: {
      password_reset: settings.passwordResetSeconds,
      email_verification: settings.emailTokenSeconds,
      email_change: settings.emailTokenSeconds,
      email_approval: settings.emailTokenSeconds,
    },
  });
  const findOwnAccount = createOwnAccountReads(deps);
  const removal = createRemoval({
    ...shared,
    findOwnAccount,
    checkPassword,
    revocations,
    graceDays: settings.removalGraceDays,
  });
  const passwords = createPasswords({
    ...shared,
    findOwnAccount,
    checkPassword,
    hasher,
    rules,
    tokens: accountTokens,
    end,
    places,
    revocations,
    cancelRemoval: removal.cancel,
  });
  const emails = createEmails({
    ...shared,
    findOwnAccount,
    checkPassword,
    tokens: accountTokens,
    changeSeconds: settings.emailTokenSeconds,
  });
  const secondStep = createSecondStep({
    ...shared,
    refusals,
    places,
    factors,
    sessions,
    refreshTokens,
    cancelRemoval: removal.cancel,
  });
  const bucketOfRequest = createBucketOfRequest({ networkKey: secrets.places });
  const accounts = createAccounts({
    cancelRemoval: removal.cancel,
    ...shared,
    places,
    checkPassword,
    secondStep,
    hasher,
    assertMayRegister: createRegistrationQuota({ ...shared, networkKey: secrets.places, bucketOfRequest }),
    bucketOfRequest,
    rules,
    refreshTokens,
    sessions,
    revocations,
  });
  // Clients have a separate queue, so that many wrong secrets of clients do not delay sign-ins of users, or the reverse.
  const clientHasher = createSecretHasher({ ...hashing, metrics, work: 'client_secret', concurrency: 1 });
  const clients = createClientStore({ ...shared, hasher: measuredHasher(clientHasher, measure) });
  const ownerRule = createOwnerRule({ ...shared, noteKeyWithoutOwner: apiKeys.noteWithoutOwner });
  const resolveLegacyUser = createLegacyUsers(shared);
  const maintenance = createMaintenance({
    ...shared,
    usageLogs: [sessionUsage, keyUsage],
    flushMs: settings.usageFlushMs,
  });

  return {
    routes: [
      tokenRoute({ clients, tokens, refreshTokens, measure }),
      revocationRoute({ ...shared, clients, verifier, resolveLegacyUser, refreshTokens, revocations }),
      ...accountRoutes({ accounts, cookies, measure }),
      ...passwordRoutes({ passwords, measure }),
      ...emailRoutes({ emails, measure }),
      ...removalRoutes({ removal, cookies, measure }),
      meRoute(sessions),
      ...userAdminRoutes({
        users: createUserAdmin({ ...shared, end, revocations, verifiedForRights: settings.verifiedForSecondFactor }),
        pages: createPages(deps),
        roles: settings.roles,
        measure,
      }),
      secondStepRoute({ secondStep, cookies, measure }),
      ...secondFactorRoutes({ factors, measure }),
      ...ownSessionRoutes({
        sessions: createOwnSessions({ ...shared, sessions, refreshTokens, revocations, places, end }),
        pages: createPages(deps),
        measure,
      }),
      ...apiKeyRoutes({
        apiKeys,
        changes: createKeyChanges({ ...shared, newKeys }),
        pages: createPages(deps),
        clock,
        measure,
      }),
      keySetRoute(keyRing),
      metadataRoute(publicUrl),
    ],
    authenticate: createAuthenticator({ ...shared, verifier, apiKeys, sessions, ownerRule, resolveLegacyUser }),
    letters: createLetters({ ...shared, tokens: accountTokens, pageUrl: settings.accountPageUrl }),
    csrf: createCsrfCheck({
      ...shared,
      sessions,
      measure,
      origins: () => [new URL(publicUrl()).origin, ...settings.origins],
    }),
    cleanUp: maintenance.cleanUp,
    start: () => {
      revocations.start();
      maintenance.start();
    },
    close: async () => {
      revocations.close();
      await maintenance.close();
    },
  };
};
