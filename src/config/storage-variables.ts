import { integer } from './parsers.ts';
import { variable } from './variable.ts';

const maxBytes = 2 ** 44;

/** Quotas of stored data. A request beyond a quota gets 429 `quota_exceeded`. */
export const storageSections = {
  Storage: {
    PRICING_JOBS_PER_OWNER: variable(
      integer(1, 1_000_000),
      '1000',
      'Max pricing jobs of one user or client; API keys count for their owner',
    ),
    PRICING_JOB_ROWS_PER_OWNER: variable(
      integer(1, 10_000_000_000),
      '20000000',
      'Max priced rows of one user or client with stored results',
    ),
    PRICING_JOB_BYTES_PER_OWNER: variable(
      integer(1, maxBytes),
      '536870912',
      'Max bytes of chunks and results of one user or client. A chunk counts as at least 16 KiB. Twice as many can be written in ten minutes, also if they are deleted meanwhile',
    ),
    PRICING_JOB_BYTES: variable(
      integer(1, maxBytes),
      '4294967296',
      'Max bytes of chunks and results of all callers, checked with a sum that is up to 10 s old. Twice as many can be written in ten minutes. One network can use a quarter, or PRICING_JOB_BYTES_PER_OWNER, and above half of all a fortieth of what is free',
    ),
    IDEMPOTENCY_KEYS_PER_OWNER: variable(
      integer(1, 10_000_000),
      '10000',
      'Max stored `Idempotency-Key`s of one user or client',
    ),
    WEBHOOK_TESTS_PER_OWNER: variable(
      integer(1, 1_000_000),
      '100',
      'Max stored `webhook.test` events of one user or client',
    ),
    USERS_WITHOUT_SIGN_IN: variable(
      integer(1, 100_000_000),
      '10000',
      'Max registered accounts without a sign-in, a use of a token of the earlier system and a verified address. At the max, networks have equal shares of them',
    ),
    USERS_WITHOUT_SIGN_IN_DAYS: variable(
      integer(1, 36_500),
      '7',
      'A registered account without a sign-in, a use of a token of the earlier system and a verified address is removed after this time',
    ),
    REGISTRATIONS_PER_NETWORK_PER_DAY: variable(
      integer(1, 10_000_000),
      '200',
      'Max registrations from one IPv4 address, or one /48 network of IPv6, in a day (UTC), also those that create no account',
    ),
    REFRESH_TOKENS_PER_SIGN_IN: variable(
      integer(2, 1_000_000),
      '3000',
      'Max refreshes of one sign-in; after them the user must sign in again. Each refresh stores a token until the sign-in ends. Must exceed REFRESH_TOKEN_EXPIRE_DAYS divided by ACCESS_TOKEN_EXPIRE_MINUTES',
    ),
    TOKEN_SIGN_INS_PER_USER: variable(
      integer(1, 100_000),
      '200',
      'Max sign-ins with tokens of one user that have not ended. A new one ends the oldest one. Cookie sessions do not count',
    ),
    CREATIONS_PER_OWNER_PER_DAY: variable(
      integer(1, 1_000_000),
      '1000',
      'Max API keys, webhooks and calendar connections of one user or client, with all its API keys, in a day (UTC), together, and ten times as many in 30 days; counted apart, also the max rotations with second factors and changes of the address, sign-ins, changes of profile, settings, presets and names of keys with tests of webhooks, of the password, of universes, and of the rights of users, and the max recorded ends of own tokens',
    ),
    REFRESHES_PER_OWNER_PER_DAY: variable(
      integer(1, 10_000_000),
      '10000',
      'Max refreshes and uploads that one user or client starts in a day (UTC), with all its API keys. Each leaves audit events for good. Those of schedules do not count',
    ),
    AUDIT_REFUSALS_PER_HOUR: variable(
      integer(1, 1_000_000),
      '20',
      'Max refused sign-ins and credentials that one audit stream records in an hour. The others are counted in one event',
    ),
    AUDIT_REFUSALS_OF_ALL_PER_HOUR: variable(
      integer(1, 10_000_000),
      '1000',
      'The same limit for all audit streams together, for each cause of a refusal: anybody, a right credential, an ended API key',
    ),
  },
} as const;
