import { encryptionKeys, integer, milliseconds, url } from './parsers.ts';
import { cron } from './schedule-parsers.ts';
import { secretText, text } from './text-parsers.ts';
import { optional, secret, variable } from './variable.ts';

/** Variables of the Google calendar. */
export const calendarSections = {
  Calendar: {
    GOOGLE_CLIENT_ID: optional(text, 'Id of the OAuth client at Google. Unset: the service has no calendar'),
    GOOGLE_CLIENT_SECRET: secret(secretText(1), 'Secret of the OAuth client at Google; required with GOOGLE_CLIENT_ID'),
    TOKEN_ENCRYPTION_KEY: secret(
      encryptionKeys,
      'Key that encrypts stored Google tokens and secrets of second factors: 32 bytes in base64. Several keys, comma-separated: the first encrypts, all decrypt ([rotation](calendar.md#rotate-the-key)). Required in production with GOOGLE_CLIENT_ID; else derived from the signing key',
    ),
    GOOGLE_REDIRECT_URL: optional(
      url('http:', 'https:'),
      'Public URL of `/api/v1/calendar/callback`, as registered at Google. Unset: made of PUBLIC_URL, and without it of the `Host` header of the request',
    ),
    GOOGLE_AUTH_URL: variable(
      url('http:', 'https:'),
      'https://accounts.google.com/o/oauth2/v2/auth',
      'URL of the consent page of Google',
    ),
    GOOGLE_TOKEN_URL: variable(
      url('http:', 'https:'),
      'https://oauth2.googleapis.com/token',
      'URL of the token endpoint of Google',
    ),
    GOOGLE_REVOKE_URL: variable(
      url('http:', 'https:'),
      'https://oauth2.googleapis.com/revoke',
      'URL where tokens are revoked at Google',
    ),
    GOOGLE_CALENDAR_BASE_URL: variable(
      url('http:', 'https:'),
      'https://www.googleapis.com/calendar/v3',
      'Base URL of the Google Calendar API',
    ),
    GOOGLE_REQUESTS_PER_MINUTE: variable(
      integer(1, 1_000_000),
      '6000',
      'Max requests per minute to Google, for all processes together and with all retries, in equal parts of some seconds; the default quota of a Google project is 10,000',
    ),
    CALENDAR_SYNC_SCHEDULE: variable(
      cron,
      '*/15 * * * *',
      'Time when all connected calendars are synced: five-field cron in UTC',
    ),
    CALENDAR_SYNC_TIMEOUT_MS: variable(
      milliseconds(),
      '25000',
      'Timeout of a sync. It must be below REQUEST_DEADLINE_MS, so that the caller gets the cause',
    ),
    CALENDAR_EVENTS_PER_OWNER: variable(
      integer(1, 1_000_000),
      '20000',
      'Max stored events of one calendar; a sync of more is refused with 429 `quota_exceeded`',
    ),
    CALENDAR_ANSWER_MAX_BYTES: variable(
      integer(1_024, 268_435_456),
      '16777216',
      'Max size of one answer of Google. A page of 500 events has about 1 MB, with long texts about 3 MB',
    ),
    CALENDAR_SYNC_MAX_BYTES: variable(
      integer(1_024, 4_294_967_296),
      '67108864',
      'Max size of all pages of one sync; a larger one is refused with 429 `quota_exceeded`',
    ),
    CALENDAR_BYTES_PER_OWNER: variable(
      integer(1_024, 4_294_967_296),
      '25165824',
      'Max bytes of the stored events of one calendar: 300 for each event, and its texts. A sync of more is refused with 429 `quota_exceeded`',
    ),
    CALENDAR_BYTES: variable(
      integer(1_024, 1_099_511_627_776),
      '21474836480',
      'Max bytes of the stored events of all calendars. At the max a sync that adds bytes is refused with 429 `quota_exceeded`',
    ),
    CALENDAR_SYNC_MEMORY_BYTES: variable(
      integer(1_024, 4_294_967_296),
      '100663296',
      'Max bytes of the events that all syncs of requests keep in one process until they store them. Beyond it the largest sync of the network with most bytes is ended with 503 `overloaded`',
    ),
    CALENDAR_FUTURE_DAYS: variable(
      integer(1, 36_500),
      '730',
      'Days from today of which a full sync stores events, because repeated events have no end',
    ),
  },
} as const;
