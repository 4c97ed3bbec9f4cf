import type { Policies, Quota } from '#src/rate-limit/policies.ts';

/** Limits by caller are on, and no rate limit is reached: for tests of the other limits by caller. */
export const generousRateLimits = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_IP_PER_MINUTE: '1000000',
  RATE_LIMIT_USER_PER_MINUTE: '1000000',
  RATE_LIMIT_CLIENT_PER_MINUTE: '1000000',
  RATE_LIMIT_API_KEY_PER_MINUTE: '1000000',
  RATE_LIMIT_LOGIN_PER_MINUTE: '1000000',
  RATE_LIMIT_CALENDAR_SYNCS: '1000000',
  RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS: '1000000',
} as const;

/** The policies of a test: the same quota for each of them, except for `others`. */
export const policiesWith = (quota: Quota, others: Partial<Policies>): Policies => ({
  ip: quota,
  login: quota,
  account: quota,
  account_place: quota,
  account_new: quota,
  credentials: quota,
  recovery: quota,
  calendar: quota,
  calendar_ip: quota,
  user: quota,
  client: quota,
  api_key: quota,
  ...others,
});
