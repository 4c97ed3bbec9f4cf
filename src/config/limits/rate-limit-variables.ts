import { boolean, clientLimits, integer, points } from '../parsers.ts';
import { variable } from '../variable.ts';

/** Variables of limits by caller. */
export const rateLimitSections = {
  'Rate limits': {
    RATE_LIMIT_ENABLED: variable(
      boolean,
      'true',
      '`false` lifts every limit by caller: rates, sign-in delays, CALLER_SHARE_PERCENT, PRICING_CALLER_LIMIT, ANSWER_BACKLOG_BYTES_BY_CALLER. For load tests from one address',
    ),
    RATE_LIMIT_IP_PER_MINUTE: variable(
      points,
      '100',
      'Max requests of one address without credentials; refused credentials count too',
    ),
    RATE_LIMIT_USER_PER_MINUTE: variable(
      points,
      '300',
      'Max requests of one user, including requests with API keys of the user',
    ),
    RATE_LIMIT_CLIENT_PER_MINUTE: variable(
      points,
      '600',
      'Max requests of one OAuth client, including requests with API keys of the client',
    ),
    RATE_LIMIT_CLIENTS: variable(
      clientLimits,
      '',
      'Limits of single OAuth clients in place of RATE_LIMIT_CLIENT_PER_MINUTE, comma-separated: `partner=3000,load-test=1000000`. API keys of the client count too',
    ),
    RATE_LIMIT_API_KEY_PER_MINUTE: variable(
      points,
      '600',
      'Max requests with one API key; they count for its owner too',
    ),
    RATE_LIMIT_LOGIN_PER_MINUTE: variable(
      points,
      '30',
      'Max sign-ins, registrations, and steps of an account with a password or a message, of one address',
    ),
    RATE_LIMIT_CREDENTIALS_PER_MINUTE: variable(
      points,
      '30',
      'Refused API keys, sessions, refresh tokens, client secrets, calendar states and tokens of messages of one address, in each process. Then only credentials that were accepted before, or that have the tag of this service, are looked up',
    ),
    RATE_LIMIT_RECOVERY_PER_MINUTE: variable(
      points,
      '20',
      'Max requests of all signed-in callers at one address, above the limits of their owners, on the routes that end or change credentials: somebody who uses a stolen one must not keep the owner from ending it',
    ),
    RATE_LIMIT_CALENDAR_SYNCS: variable(
      points,
      '10',
      'Max syncs and consents of a calendar that one owner begins in a minute. Each of them calls Google',
    ),
    RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS: variable(
      points,
      '60',
      'Max syncs and consents of calendars that the owners at one address begin in a minute',
    ),
    RATE_LIMIT_UNDELAYED_REFUSALS: variable(
      points,
      '100',
      'Answers over a rate limit that one address gets at once, in a minute. Further ones are delayed',
    ),
    RATE_LIMIT_REFUSAL_DELAY_MS: variable(
      integer(0, 20_000),
      '2000',
      'Delay of further answers over a rate limit. 0: no delay',
    ),
    RATE_LIMIT_ACCOUNT_ATTEMPTS: variable(
      points,
      '10',
      'Wrong passwords for one account from one network without a delay. Then the delay doubles with each attempt',
    ),
    RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE: variable(
      points,
      '100',
      'Max attempts for one account in a window from all networks without an earlier sign-in',
    ),
    RATE_LIMIT_NEW_ACCOUNTS_PER_DAY: variable(
      points,
      '100',
      'Max accounts with a count of their own that a network fails to sign in to in a day; further ones share one count',
    ),
    RATE_LIMIT_ACCOUNT_WINDOW_SECONDS: variable(
      integer(1, 86_400),
      '900',
      'Length of that window, and max delay between attempts',
    ),
  },
} as const;
