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
