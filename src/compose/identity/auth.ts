import { type Auth, createAuth, derivedSecret, type KeyRing, loadKeyRing } from '../../auth/index.ts';
import { ConfigError } from '../../config/index.ts';
import type { Database } from '../../database/index.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import type { Mail } from '../../kernel/ports/account/mail.ts';
import type { Owners } from '../../kernel/ports/owners.ts';
import type { Cursors } from '../../kernel/lists/pagination.ts';
import type { CredentialLookups } from '../../kernel/credentials/credential-lookups.ts';
import { noLoginThrottle, type LoginThrottle } from '../../kernel/ports/rate-limiter.ts';
import type { RedisConnection } from '../../redis/index.ts';
import { removeDocumentsOf } from '../../accounts/index.ts';
import { removeCalendarOf } from '../../calendar/index.ts';
import { removeWebhooksOf } from '../../webhooks/index.ts';
import type { Base } from '../base.ts';
import { removeDataOf } from './credential-admin.ts';
import { hashingOf } from './hashing.ts';
import { tokenIssuerOf } from './issuer.ts';
import { bootstrapClient } from './owners.ts';
import { composeRevocationFeed } from './revocation-feed.ts';

/** A key set can have any number of keys, and a log line should stay short. */
const maxLoggedKeys = 20;

/** @throws ConfigError for key material that cannot be used */
export const composeKeyRing = async ({ config, logger, production }: Base): Promise<KeyRing> => {
  const { keyRing, ignored, faults } = await loadKeyRing({
    privateKeyPem: config.JWT_PRIVATE_KEY,
    publicKeys: config.JWT_PUBLIC_KEYS,
    directory: config.VOLWATCH_DIRECTORY,
    production,
  });
  if (faults) throw new ConfigError(faults);
  if (ignored.length > 0) {
    logger.warn(
      { ignored_count: ignored.length, ignored_keys: ignored.slice(0, maxLoggedKeys) },
      'some keys of JWT_PUBLIC_KEYS are ignored: they cannot verify RS256 or EdDSA signatures',
    );
  }
  return keyRing;
};

export type AuthParts = {
  readonly keyRing: KeyRing;
  readonly audit: AuditTrail;
  readonly cursors: Cursors;
  readonly owners: Owners;
  readonly mail: Mail;
  readonly throttle: LoginThrottle | undefined;
  readonly lookups: CredentialLookups;
  readonly redis: RedisConnection | undefined;
};

export const composeAuth = async (
  { config, production, clock, logger, metrics, faults, abuse, publicUrl }: Base,
  { unitOfWork, reader, time: databaseTime }: Database,
  { keyRing, audit, cursors, owners, mail, throttle = noLoginThrottle, lookups, redis }: AuthParts,
): Promise<Auth> => {
  if (production && config.API_KEY_SECRET === undefined) {
    logger.warn({}, 'API_KEY_SECRET is not set: rotating the signing key will end every API key');
  }
  if (production && config.TOKEN_ENCRYPTION_KEY === undefined) {
    logger.warn({}, 'TOKEN_ENCRYPTION_KEY is not set: rotating the signing key will end every second factor');
  }
  if (production && config.PUBLIC_URL === undefined) {
    logger.warn({ url: publicUrl.read() }, 'PUBLIC_URL is not set: the OAuth metadata name the listening address');
  }
  const feed = composeRevocationFeed(redis, logger);
  const auth = createAuth({
    settings: {
      ...tokenIssuerOf(config),
      audience: config.JWT_AUDIENCE,
      publicUrl: publicUrl.read,
      accessTokenSeconds: config.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
      clockToleranceSeconds: config.JWT_CLOCK_TOLERANCE_SECONDS,
      refreshTokenSeconds: config.REFRESH_TOKEN_EXPIRE_DAYS * 86_400,
      sessionSeconds: config.SESSION_EXPIRE_HOURS * 3_600,
      sessionIdleSeconds: config.SESSION_IDLE_MINUTES * 60,
      sameSite: config.SESSION_COOKIE_SAMESITE,
      maxUsersWithoutSignIn: config.USERS_WITHOUT_SIGN_IN,
      maxRegistrationsPerNetwork: config.REGISTRATIONS_PER_NETWORK_PER_DAY,
      maxTokensPerSignIn: config.REFRESH_TOKENS_PER_SIGN_IN,
      maxFamiliesPerUser: config.TOKEN_SIGN_INS_PER_USER,
      secondStepSeconds: config.SECOND_FACTOR_TIMEOUT_SECONDS,
      recentSignInSeconds: config.RECENT_SIGN_IN_MINUTES * 60,
      maxSecondFactorFailures: config.SECOND_FACTOR_MAX_FAILURES,
      minPasswordCharacters: config.PASSWORD_MIN_LENGTH,
      maxApiKeys: config.API_KEYS_PER_OWNER,
      keyRotationHours: config.API_KEY_ROTATION_HOURS,
      hashing: hashingOf(config),
      roles: config.ROLES,
      revocationPollMs: config.REVOCATION_POLL_MS,
      foreignUsers: config.JWT_FOREIGN_USERS,
      passwordResetSeconds: config.PASSWORD_RESET_MINUTES * 60,
      emailTokenSeconds: config.EMAIL_TOKEN_HOURS * 3_600,
      verificationRequired: config.EMAIL_VERIFICATION === 'required',
      verifiedForSecondFactor: config.SMTP_URL !== undefined,
      removalGraceDays: config.ACCOUNT_REMOVAL_DAYS,
      accountPageUrl: config.ACCOUNT_PAGE_URL,
      usageFlushMs: config.AUTH_USAGE_FLUSH_MS,
      cleanUpMs: config.AUTH_CLEANUP_MINUTES * 60_000,
      origins: config.CORS_ORIGINS.filter((origin) => origin !== '*'),
    },
    keyRing,
    bootstrap: bootstrapClient(config),
    secrets: {
      apiKeys: config.API_KEY_SECRET ?? (await derivedSecret(keyRing.signing, 'api keys')),
      csrf: await derivedSecret(keyRing.signing, 'csrf tokens'),
      places: await derivedSecret(keyRing.signing, 'sign-in places'),
      // The derived key comes last, so that secrets of the time before TOKEN_ENCRYPTION_KEY was set can be read.
      secondFactors: [...(config.TOKEN_ENCRYPTION_KEY ?? []), await derivedSecret(keyRing.signing, 'second factors')],
      tags: await derivedSecret(keyRing.signing, 'credential tags'),
    },
    unitOfWork,
    reader,
    databaseTime,
    audit,
    throttle,
    lookups,
    owners,
    mail,
    abuse,
    removeWebhooks: (transaction, owner, actor) => removeWebhooksOf(transaction, owner, { audit, actor }),
    removeData: removeDataOf(audit),
    removeSettings: async (transaction, userId, actor) => {
      await removeDocumentsOf(transaction, userId);
      await removeCalendarOf(transaction, { kind: 'user', id: userId }, { audit, actor });
    },
    cursors,
    clock,
    logger,
    metrics,
    faults,
    revocationFeed: feed,
  });
  return {
    ...auth,
    close: async () => {
      feed?.close();
      await auth.close();
    },
  };
};
