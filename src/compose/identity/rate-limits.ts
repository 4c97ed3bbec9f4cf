import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import type { Config } from '../../config/index.ts';
import { createRateLimits, type Policies, type RateLimits } from '../../rate-limit/index.ts';
import type { Base } from '../base.ts';
import type { Storage } from '../data/storage.ts';

const policiesOf = (config: Config): Policies => {
  const perMinute = (points: number) => ({ points, windowSeconds: 60 });
  return {
    ip: perMinute(config.RATE_LIMIT_IP_PER_MINUTE),
    user: perMinute(config.RATE_LIMIT_USER_PER_MINUTE),
    client: perMinute(config.RATE_LIMIT_CLIENT_PER_MINUTE),
    api_key: perMinute(config.RATE_LIMIT_API_KEY_PER_MINUTE),
    login: perMinute(config.RATE_LIMIT_LOGIN_PER_MINUTE),
    credentials: perMinute(config.RATE_LIMIT_CREDENTIALS_PER_MINUTE),
    recovery: perMinute(config.RATE_LIMIT_RECOVERY_PER_MINUTE),
    calendar: perMinute(config.RATE_LIMIT_CALENDAR_SYNCS),
    calendar_ip: perMinute(config.RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS),
    account: {
      points: config.RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE,
      windowSeconds: config.RATE_LIMIT_ACCOUNT_WINDOW_SECONDS,
    },
    account_new: { points: config.RATE_LIMIT_NEW_ACCOUNTS_PER_DAY, windowSeconds: 86_400 },
    account_place: {
      points: config.RATE_LIMIT_ACCOUNT_ATTEMPTS,
      windowSeconds: config.RATE_LIMIT_ACCOUNT_WINDOW_SECONDS,
    },
  };
};

/** Undefined if RATE_LIMIT_ENABLED is false. Then there are no rate limits. */
export const composeRateLimits = async (
  base: Base,
  { redis }: Storage,
  keyRing: KeyRing,
): Promise<RateLimits | undefined> => {
  const { config, logger, metrics, abuse, clock } = base;
  if (!config.RATE_LIMIT_ENABLED) {
    logger.warn({}, 'RATE_LIMIT_ENABLED is false: neither requests nor sign-ins are limited');
    return undefined;
  }
  const hashKey = await derivedSecret(keyRing.signing, 'rate-limit subjects');
  return createRateLimits({
    policies: policiesOf(config),
    clientLimits: config.RATE_LIMIT_CLIENTS,
    redis,
    hashKey,
    metrics,
    abuse,
    clock,
  });
};
