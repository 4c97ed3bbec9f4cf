import { isBaseUrl, integer, milliseconds, oneOf, url } from '../parsers.ts';
import { smtpUrl, sender } from './smtp-parsers.ts';
import { optional, secret, variable } from '../variable.ts';

/** Variables of e-mail, and of the steps of an account that need it. */
export const mailSections = {
  Mail: {
    SMTP_URL: secret(
      smtpUrl,
      'SMTP server: `smtp://USER:PASSWORD@HOST:587` (STARTTLS, in production required unless the server is on this machine) or `smtps://`. Unset: no mail in production; else messages wait in `GET /dev/mailbox` of the admin port',
    ),
    MAIL_FROM: optional(
      sender,
      'Sender of messages: an address, or `Volwatch <no-reply@example.org>`. Required with SMTP_URL',
    ),
    SMTP_TIMEOUT_MS: variable(milliseconds(), '10000', 'Timeout of the delivery of one message to the SMTP server'),
    MAIL_CONCURRENCY: variable(
      integer(1, 100),
      '8',
      'Max messages that one process sends at the same time, beside those that take longer than a second. Of those that one network asked for it sends one at a time',
    ),
    MAIL_MAX_CONCURRENCY: variable(
      integer(1, 100),
      '32',
      'Max messages that one process sends at the same time, counting those that take longer than a second. The SMTP server must accept as many connections',
    ),
    MAIL_RETRIES: variable(integer(0, 20), '8', 'Retries of a message that the SMTP server did not take'),
    MAIL_RETRY_DELAY_SECONDS: variable(
      integer(1, 3_600),
      '30',
      'Delay of the first retry; the delay of each further retry is up to twice as long',
    ),
    MAIL_PER_RECIPIENT_PER_HOUR: variable(
      integer(1, 1_000),
      '5',
      'Max messages of one kind that callers can cause to one address within an hour, and one more each time that the token of the newest message has expired. The first message of each account about a new address passes, up to four times this number. Further requests are answered in the same way',
    ),
    MAIL_PER_ACCOUNT_PER_HOUR: variable(
      integer(1, 1_000),
      '10',
      'Max messages that the user of one account can cause within an hour, to any addresses. A change of the address is two messages. Further requests are refused with 429 `rate_limit_exceeded`',
    ),
    MAIL_PER_NETWORK_PER_HOUR: variable(
      integer(1, 1_000_000),
      '30',
      'Max messages that one network address (IPv6: /48 network) can cause within an hour, to any addresses. Further requests are refused with 429 `rate_limit_exceeded`. Without SMTP_URL it has no effect',
    ),
    MAIL_WAITING_MAX: variable(
      integer(4, 10_000_000),
      '10000',
      'Max messages that wait to be sent. Registrations, resets, changes of the address and notices have a quarter each. Above it, requests for messages are refused with 429 `quota_exceeded`',
    ),
    MAIL_RETENTION_HOURS: variable(integer(1, 8_760), '48', 'Messages of the outbox are removed after this time'),
    ACCOUNT_PAGE_URL: optional(
      url('http:', 'https:').refine(isBaseUrl, 'must have no query, fragment, user or password'),
      'Page of the front end that completes the steps of messages; the message adds `#ACTION=TOKEN`. Unset: messages have the token alone',
    ),
    EMAIL_VERIFICATION: variable(
      oneOf(['optional', 'required']),
      'optional',
      '`required`: a user can sign in, and use credentials from before, only after the address was verified with the token of a message; needs SMTP_URL in production',
    ),
    EMAIL_TOKEN_HOURS: variable(
      integer(1, 720),
      '24',
      'Lifetime of a token that verifies or changes an e-mail address',
    ),
    ACCOUNT_REMOVAL_DAYS: variable(
      integer(0, 365),
      '14',
      'Days between the request of a user to remove the account and the removal at the next RETENTION_SCHEDULE; a sign-in cancels it',
    ),
    ACCOUNT_EXPORT_ROWS: variable(
      integer(1, 1_000_000),
      '50000',
      'Max rows of one table in the export of an account; `truncated` names the tables with more',
    ),
    ACCOUNT_EXPORT_MAX_BYTES: variable(
      integer(65_536, 1_073_741_824),
      '33554432',
      'Max bytes of the rows in the export of an account; `truncated` names the tables that have more. A process makes two exports at once, each in memory',
    ),
    PASSWORD_RESET_MINUTES: variable(integer(1, 1_440), '30', 'Lifetime of a token that resets a password'),
  },
} as const;
