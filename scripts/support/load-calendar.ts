import { randomBytes } from 'node:crypto';
import type { GoogleServer } from '#testkit/servers/google-server.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { rsaKeyPem } from '#testkit/rsa-keys.ts';
import type { Scope } from '#testkit/scope.ts';

/** The service refreshes a token that expires within a minute, so these tokens are used for this many seconds. */
const usedSeconds = 5;
const marginSeconds = 60;
const events = 200;

/**
 * What the two instances of the scenario `calendar` share. Google gives access tokens that expire soon, and replaces the
 * refresh token at each use, so that two refreshes at once would end the consent.
 */
export const calendarEnvironment = async (scope: Scope, google: GoogleServer): Promise<Record<string, string>> => {
  google.expiresInSeconds = marginSeconds + usedSeconds;
  google.rotates = true;
  const start = { dateTime: '2027-03-01T09:00:00Z' };
  for (let event = 0; event < events; event += 1) google.put({ id: `event-${event}`, start, end: start });
  return {
    DATABASE_URL: (await startOwnPostgres(scope)).url,
    JWT_PRIVATE_KEY: rsaKeyPem('load'),
    TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    GOOGLE_REQUESTS_PER_MINUTE: '1000000',
  };
};

/** Judges the calls of the token endpoint: one for each calendar and each life of a token. */
export const calendarVerdict = (google: GoogleServer): { readonly line: string; readonly passed: boolean } => {
  const refreshes = google.calls.filter(({ form }) => form['grant_type'] === 'refresh_token');
  const calendars = google.liveRefreshTokens().length;
  const [first, last] = [refreshes[0]?.at ?? 0, refreshes.at(-1)?.at ?? 0];
  const maxRefreshes = calendars * (Math.floor((last - first) / (usedSeconds * 1_000)) + 1);
  return {
    line: `  ${refreshes.length} token refreshes of ${calendars} calendars, at most ${maxRefreshes} expected; ${google.callsOf('events')} lists of events`,
    passed: refreshes.length > 0 && refreshes.length <= maxRefreshes,
  };
};
