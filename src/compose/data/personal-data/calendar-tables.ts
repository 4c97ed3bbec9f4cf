import type { PersonalTables } from '../../../kernel/ports/account/personal-data.ts';

const isOwned = "t.owner_kind = 'user' and t.owner_id = $1";
const theOwner = { columns: ['owner_kind', 'owner_id'], because: 'the user of the export' };
const internal = 'how the service keeps the calendar in step';

/** The Google calendar of a user. */
export const calendarTables: PersonalTables = {
  calendar_connection: {
    holds: 'the connected calendar',
    where: isOwned,
    exported: ['id', 'status', 'account', 'scopes', 'connected_at', 'last_sync_at'],
    omitted: [
      theOwner,
      { columns: ['refresh_token', 'access_token'], because: 'encrypted tokens of Google' },
      {
        columns: [
          'access_expires_at',
          'token_version',
          'stored_bytes',
          'refresh_lease',
          'refresh_lease_until',
          'sync_token',
          'sync_version',
          'full_sync_at',
        ],
        because: internal,
      },
    ],
    removal: 'deleted',
  },
  calendar_consent: {
    holds: 'consents that were begun',
    where: isOwned,
    exported: ['created_at', 'expires_at'],
    omitted: [
      theOwner,
      { columns: ['state_digest', 'browser_digest', 'code_verifier'], because: 'secrets and digests of secrets' },
      { columns: ['session_id', 'token_id', 'legacy_token', 'redirect_url'], because: internal },
    ],
    removal: 'deleted',
  },
  calendar_event: {
    holds: 'events of the calendar',
    where: `t.connection_id in
      (select id from calendar_connection where owner_kind = 'user' and owner_id = $1)`,
    exported: [
      'event_id',
      'status',
      'summary',
      'location',
      'starts_at',
      'ends_at',
      'all_day',
      'time_zone',
      'recurring_event_id',
      'original_start',
      'link',
      'updated_at',
    ],
    omitted: [{ columns: ['connection_id', 'etag'], because: internal }],
    removal: 'deleted',
  },
  calendar_revocation: {
    holds: 'tokens that Google has not revoked yet',
    where: isOwned,
    exported: ['created_at'],
    omitted: [
      theOwner,
      { columns: ['id', 'connection_id'], because: internal },
      { columns: ['refresh_token'], because: 'an encrypted token of Google' },
    ],
    removal: 'kept',
    remains: 'the token must still be revoked at Google; the row is removed then, at the latest after 30 days',
  },
};
