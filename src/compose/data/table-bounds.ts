export type TableBound = {
  /** The event that adds rows. */
  readonly grows: string;
  /** The limit of the number of rows. Variables in capitals are described in docs/configuration.md. */
  readonly bound: string;
  /** When rows are removed. A variable names the schedule or the age of the removal. */
  readonly removed: string;
  /** The tests of the bound. Each table that callers can make grow without a privileged scope has one. */
  readonly tests?: readonly string[];
};

const never = 'never';

/**
 * What adds rows to each table, what limits it, and when rows are removed. docs/tables.md is generated from this list.
 * Its names are the labels of the gauges `volwatch_table_rows` and `volwatch_table_bytes`. A test compares it with the
 * tables of a migrated database.
 */
export const tableBounds: Readonly<Record<string, TableBound>> = {
  account_profile: {
    grows: 'a user changes the profile',
    bound: 'one row per user',
    removed: 'with the account',
    tests: ['test/accounts/routes.test.ts'],
  },
  account_settings: {
    grows: 'a user changes the settings',
    bound: 'one row per user',
    removed: 'with the account',
    tests: ['test/accounts/routes.test.ts'],
  },
  account_token: {
    grows: 'a message with a token is sent',
    bound: 'MAIL_PER_RECIPIENT_PER_HOUR and MAIL_RETRIES of an account',
    removed: 'when it is used; AUTH_CLEANUP_MINUTES, when it has expired',
    tests: ['test/mail/delivery.test.ts'],
  },
  api_key: {
    grows: 'an owner makes a key',
    bound:
      'keys that are not revoked: API_KEYS_PER_OWNER; new ones of a day: twice CREATIONS_PER_OWNER_PER_DAY, and ten times as many with changes of the password',
    removed: 'AUTH_CLEANUP_MINUTES, 400 days after its end',
    tests: ['test/auth/api-keys.test.ts', 'test/audit/creation-quota.test.ts', 'test/auth/owners/expired-keys.test.ts'],
  },
  asset: { grows: 'a refresh', bound: 'symbols of the universes', removed: 'when no universe contains it any longer' },
  audit_count: {
    grows: 'the first action of a group in a day of an owner',
    bound: 'ten rows per owner and day',
    removed: 'RETENTION_SCHEDULE, after 31 days',
    tests: ['test/audit/creation-quota.test.ts', 'test/audit/counts.test.ts'],
  },
  audit_event: {
    grows: 'a change, a sign-in, a refusal',
    bound:
      'refusals of each cause: AUDIT_REFUSALS_PER_HOUR for a stream, AUDIT_REFUSALS_OF_ALL_PER_HOUR for all streams together, five times as many with the first three of each user and client; new credentials, rotations, sign-ins (each ten times as many with changes of the password), webhooks, calendars, exports, and apart from them changes of profile, settings and presets, changes of the password, changes of universes, and changes of the rights of users: CREATIONS_PER_OWNER_PER_DAY, and in 30 days ten times as many for those that need no scope of an administrator, with a twentieth of the max each day after that; refreshes and uploads: REFRESHES_PER_OWNER_PER_DAY; requests for a reset of a password: as mail_message, those without a message, and first steps of a sign-in with a second factor, as refusals; ends of own tokens: CREATIONS_PER_OWNER_PER_DAY; registrations, also those of addresses that have an account: REGISTRATIONS_PER_NETWORK_PER_DAY; src/kernel/catalogue/audit-actions.ts has each action',
    removed: 'never: the trail is append-only',
    tests: [
      'test/audit/refusals/refusal-limit.test.ts',
      'test/audit/creation-quota.test.ts',
      'test/audit/audit-actions.test.ts',
      'test/auth/passwords/reset.test.ts',
    ],
  },
  audit_refusal_window: {
    grows: 'the first refusal of a stream in an hour',
    bound: 'three rows per user and client, 16 of anybody',
    removed: 'AUTH_CLEANUP_MINUTES, when its hour is over and what it left out is recorded',
    tests: ['test/audit/refusals/refusal-limit.test.ts'],
  },
  audit_stream: { grows: 'the first event of a stream', bound: 'at most one row per audit_event', removed: never },
  calendar_connection: {
    grows: 'a caller connects a calendar',
    bound: 'one row per owner',
    removed: 'by its owner, or with the owner',
  },
  calendar_consent: {
    grows: 'a caller asks to connect a calendar',
    bound: '5 rows for an owner',
    removed: 'when it is used; RETENTION_SCHEDULE, after its 10 minutes',
    tests: ['test/calendar/consent.long.test.ts'],
  },
  calendar_event: {
    grows: 'a sync of a calendar',
    bound: 'CALENDAR_EVENTS_PER_OWNER and CALENDAR_BYTES_PER_OWNER; of all owners: CALENDAR_BYTES',
    removed: 'by a sync, or with its connection',
    tests: ['test/calendar/sync-settings.long.test.ts'],
  },
  calendar_revocation: {
    grows: 'a calendar is disconnected',
    bound: 'connections that end while Google does not answer',
    removed: 'when Google has revoked the token; RETENTION_SCHEDULE, after 30 days',
  },
  email_change: {
    grows: 'a user asks for another e-mail address',
    bound: 'one row per user',
    removed: 'when the change is made; AUTH_CLEANUP_MINUTES, after EMAIL_TOKEN_HOURS',
    tests: ['test/auth/emails/change.test.ts'],
  },
  corporate_actions: {
    grows: 'an upload or a refresh',
    bound: 'one row per symbol and day',
    removed: 'with its asset',
  },
  idempotency_key: {
    grows: 'a request with an Idempotency-Key',
    bound: 'IDEMPOTENCY_KEYS_PER_OWNER',
    removed: 'RETENTION_SCHEDULE, after IDEMPOTENCY_TTL_HOURS',
    tests: ['test/idempotency/idempotency.test.ts'],
  },
  index_checkpoint: {
    grows: 'a refresh',
    bound: 'every 32nd day of an index, and its last two days',
    removed: 'with its index',
  },
  index_constituent: { grows: 'a refresh', bound: 'symbols of the universes', removed: 'with its index' },
  index_divisor: { grows: 'a refresh', bound: 'one row per index and day', removed: 'with its index' },
  index_value: { grows: 'a refresh', bound: 'one row per index and day', removed: 'with its index' },
  job_turn: {
    grows: 'the first job of an owner, or of a network that causes mail, in a queue with groups',
    bound: 'one row per owner or network and queue',
    removed: 'RETENTION_SCHEDULE, when a job with a later turn was started, or no job of the queue waits',
    tests: ['test/jobs/turns.test.ts'],
  },
  mail_message: {
    grows: 'a caller asks for a message, an account changes',
    bound:
      'waiting messages: MAIL_WAITING_MAX; MAIL_PER_ACCOUNT_PER_HOUR, MAIL_PER_NETWORK_PER_HOUR, MAIL_PER_RECIPIENT_PER_HOUR',
    removed: 'RETENTION_SCHEDULE, after MAIL_RETENTION_HOURS; with the account',
    tests: ['test/mail/causers.test.ts', 'test/mail/delivery.test.ts'],
  },
  market_index: {
    grows: 'a refresh',
    bound: 'indexes of the universes',
    removed: 'when its universe no longer contains it',
  },
  oauth_client: { grows: 'an operator makes a client', bound: 'only operators make clients', removed: never },
  owner_end: {
    grows: 'a user is deleted, an owner is disabled',
    bound: 'one row per owner',
    removed: 'never; for users who never signed in and had no API key: at once',
  },
  pgboss: {
    grows: 'a job is enqueued (all tables of the queue together)',
    bound: 'chunks, deliveries and refreshes; each has its own bound here or the rate limit',
    removed: 'by the queue, an hour after a job has ended; jobs that were given up: after three days',
  },
  price: {
    grows: 'a refresh',
    bound: 'one row per symbol and day; 50,000 of a symbol',
    removed: 'with its asset',
    tests: ['test/market-data/uploads/long-series.test.ts'],
  },
  fetched_series: {
    grows: 'a refresh fetches a universe in parts',
    bound: 'one row for an asset of a universe',
    removed: 'when the refresh is applied; RETENTION_SCHEDULE, after 6 hours',
  },
  price_quarantine: {
    grows: 'a refresh with prices that jump',
    bound: '10,000 of a refresh',
    removed: 'with its refresh, or shortly before it',
    tests: ['test/market-data/uploads/long-series.test.ts'],
  },
  pricing_chunk: {
    grows: 'a caller adds a chunk to a pricing job',
    bound:
      'PRICING_JOB_BYTES_PER_OWNER, PRICING_JOB_ROWS_PER_OWNER, PRICING_JOB_BYTES together with a share for each network; 100 in a job; space of deleted ones: twice these bytes are written in ten minutes',
    removed: 'with its job; within about a minute after its job is cancelled',
    tests: [
      'test/pricing-jobs/pricing-jobs.test.ts',
      'test/pricing-jobs/cancelled-data.test.ts',
      'test/pricing-jobs/written-bytes.test.ts',
      'test/pricing-jobs/network-share.test.ts',
    ],
  },
  pricing_job: {
    grows: 'a caller opens a pricing job',
    bound: 'PRICING_JOBS_PER_OWNER',
    removed:
      'RETENTION_SCHEDULE, after PRICING_JOB_RETENTION_HOURS; those of an ended API key are cancelled when their owner needs the space; cancelled ones without data when he needs their places',
    tests: ['test/pricing-jobs/pricing-jobs.test.ts'],
  },
  pricing_preset: {
    grows: 'a user stores a preset',
    bound: 'PRICING_PRESETS_PER_USER',
    removed: 'by its user, or with the account',
  },
  pricing_write: {
    grows: 'the first chunk of an owner',
    bound: 'one row per owner',
    removed: 'RETENTION_SCHEDULE, after ten minutes',
    tests: ['test/pricing-jobs/written-bytes.test.ts'],
  },
  refresh: {
    grows: 'a refresh is requested',
    bound: 'one at a time for a universe; REFRESHES_PER_OWNER_PER_DAY',
    removed: 'RETENTION_SCHEDULE, after REFRESH_RETENTION_DAYS',
  },
  refresh_family: {
    grows: 'a sign-in for tokens',
    bound: 'TOKEN_SIGN_INS_PER_USER; CREATIONS_PER_OWNER_PER_DAY',
    removed: 'AUTH_CLEANUP_MINUTES, after REFRESH_TOKEN_EXPIRE_DAYS and its last access token, or its end',
    tests: ['test/audit/creation-quota.test.ts', 'test/auth/tokens/refresh-tokens.test.ts'],
  },
  refresh_token: {
    grows: 'a refresh of tokens',
    bound: 'REFRESH_TOKENS_PER_SIGN_IN for each of TOKEN_SIGN_INS_PER_USER',
    removed: 'with its family',
    tests: ['test/auth/tokens/refresh-tokens.test.ts'],
  },
  registration_count: {
    grows: 'the first registration of a day from a network',
    bound: '262,144 rows in a day',
    removed: 'AUTH_CLEANUP_MINUTES, after two days',
    tests: ['test/auth/registration-quota.test.ts'],
  },
  revoked_token: {
    grows: 'a token is revoked',
    bound: 'tokens that were issued',
    removed: 'AUTH_CLEANUP_MINUTES, when the token would have expired',
  },
  schema_migrations: { grows: 'a new version', bound: 'migrations', removed: never },
  recovery_code: {
    grows: 'a user enables a second factor',
    bound: '10 for a user',
    removed: 'when it is used, or with the user',
  },
  sign_in_challenge: {
    grows: 'a sign-in with the correct password by a user with a second factor',
    bound: 'RATE_LIMIT_LOGIN_PER_MINUTE of an address',
    removed: 'when it is used, or AUTH_CLEANUP_MINUTES, after SECOND_FACTOR_TIMEOUT_SECONDS',
  },
  user_second_factor: {
    grows: 'a user enables a second factor',
    bound: 'one row per user',
    removed: 'with the user',
  },
  sign_in_place: {
    grows: 'a sign-in from a new network',
    bound: '20 per user',
    removed: 'with the user, or after 90 days without use',
  },
  universe: {
    grows: 'a caller with market:manage creates a universe, or UNIVERSES_FILE contains a new one',
    bound: 'UNIVERSES_MAX',
    removed: 'by a caller with market:manage',
  },
  universe_asset: { grows: 'as universe', bound: 'UNIVERSE_ASSETS_MAX per universe', removed: 'with its universe' },
  universe_bundle: { grows: 'the first start', bound: 'one row per bundled universe', removed: never },
  universe_quality: { grows: 'a check of a universe', bound: 'one row for a universe', removed: 'with its universe' },
  universe_index: { grows: 'as universe', bound: 'UNIVERSE_INDEXES_MAX per universe', removed: 'with its universe' },
  user_account: {
    grows: 'a registration',
    bound:
      'REGISTRATIONS_PER_NETWORK_PER_DAY; accounts without a sign-in and a verified address: USERS_WITHOUT_SIGN_IN',
    removed:
      'never signed in and not verified: RETENTION_SCHEDULE, after USERS_WITHOUT_SIGN_IN_DAYS; others: by an operator, or ACCOUNT_REMOVAL_DAYS after the request of the user',
    tests: ['test/auth/registration-quota.test.ts'],
  },
  user_session: {
    grows: 'a sign-in for a cookie',
    bound: 'CREATIONS_PER_OWNER_PER_DAY; RATE_LIMIT_LOGIN_PER_MINUTE of an address',
    removed: 'AUTH_CLEANUP_MINUTES, after SESSION_IDLE_MINUTES or SESSION_EXPIRE_HOURS',
    tests: ['test/audit/creation-quota.test.ts'],
  },
  webhook: {
    grows: 'an owner registers a webhook',
    bound: 'WEBHOOKS_PER_OWNER',
    removed: 'by its owner, or with the owner',
    tests: ['test/webhooks/quota.test.ts'],
  },
  webhook_delivery: {
    grows: 'an event for a webhook',
    bound: 'one row per webhook and event; about 1,000 waiting ones of an owner; tests: WEBHOOK_TESTS_PER_OWNER',
    removed: 'with its event; RETENTION_SCHEDULE, after its webhook',
    tests: ['test/webhooks/quota.test.ts'],
  },
  webhook_event: {
    grows: 'a refresh ends, an owner tests a webhook',
    bound: 'refreshes; tests: WEBHOOK_TESTS_PER_OWNER',
    removed: 'RETENTION_SCHEDULE, after WEBHOOK_RETENTION_DAYS',
    tests: ['test/webhooks/quota.test.ts'],
  },
};
