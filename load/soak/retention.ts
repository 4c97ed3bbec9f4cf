import { tableBounds } from '#src/compose/data/table-bounds.ts';

/** How the run shows the retention of one table. */
export type Retention = {
  /** Adds rows that are past their time. */
  readonly put?: string;
  /** Makes rows of the load that are some minutes old look as if they were past their time. */
  readonly age?: string;
  /** The rows that the next removal must delete. */
  readonly expired: string;
};

const user = '(select id from user_account where first_signed_in_at is not null order by id limit 1)';
const digest = `sha256(convert_to(gen_random_uuid()::text, 'UTF8'))`;
const text = 'gen_random_uuid()::text';
const three = 'from generate_series(1, 3)';
/** The tables whose rows are removed after a time, other than with a row of another table. */
export const agedTables = (): readonly string[] =>
  Object.entries(tableBounds)
    .filter(([, { removed }]) => /RETENTION_SCHEDULE|AUTH_CLEANUP_MINUTES|\bdays\b|\bhour after\b/.test(removed))
    .map(([name]) => name);

/** The tables that keep their rows for ever, so that their growth is reported and not judged. */
export const keptTables = (): readonly string[] =>
  Object.entries(tableBounds)
    .filter(([name, { removed }]) => removed.startsWith('never') && !agedTables().includes(name))
    .map(([name]) => name);

/**
 * The run puts rows of another time into the tables, which no request can do.
 * @param old the time before which a row of the load is aged, as SQL
 */
// SQL: the tables of all rooms, from outside of the service.
export const retentionsOf = (old: string): Readonly<Record<string, Retention>> => ({
  account_token: {
    put: `insert into account_token (token_hash, user_id, purpose, email, created_at, expires_at)
      select ${digest}, ${user}, 'soak', 'soak@example.org', now() - interval '9 days', now() - interval '8 days' ${three}`,
    expired: 'expires_at < now()',
  },
  api_key: {
    put: `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, revoked_at)
      select gen_random_uuid(), ${digest}, '', 'soak', 'user', ${text}, '{}', now() - interval '402 days', now() - interval '401 days' ${three}`,
    expired: `least(revoked_at, expires_at) < now() - interval '400 days'`,
  },
  audit_count: {
    put: `insert into audit_count (owner_kind, owner_id, action_group, day, events, counted)
      select 'user', ${text}, 'changes', current_date - 40, 1, 1 ${three}`,
    expired: 'day < current_date - 31',
  },
  audit_refusal_window: {
    put: `insert into audit_refusal_window (stream, started_at, recorded, omitted)
      select ${text}, date_trunc('hour', now()) - interval '1 hour', 1, 0 ${three}`,
    expired: `started_at < date_trunc('hour', now())`,
  },
  calendar_consent: {
    put: `insert into calendar_consent (state_digest, owner_kind, owner_id, browser_digest, code_verifier, redirect_url,
        created_at, expires_at)
      select ${text}, 'user', ${text}, '', '', '', now() - interval '1 hour', now() - interval '50 minutes' ${three}`,
    expired: 'expires_at < now()',
  },
  calendar_revocation: {
    put: `insert into calendar_revocation (id, owner_kind, owner_id, connection_id, refresh_token, created_at)
      select gen_random_uuid(), 'user', ${text}, gen_random_uuid(), '', now() - interval '31 days' ${three}`,
    expired: `created_at < now() - interval '30 days'`,
  },
  email_change: {
    put: `insert into email_change (user_id, new_email, created_at, expires_at)
      values (${user}, 'soak@example.org', now() - interval '9 days', now() - interval '8 days') on conflict do nothing`,
    expired: 'expires_at < now()',
  },
  fetched_series: {
    put: `insert into fetched_series (universe, symbol, source, price_interval, history_from, bar_count, bars, fetched_at)
      select 'soak', ${text}, 'soak', '1day', '2026-01-01', 0, '', now() - interval '7 hours' ${three}`,
    expired: `fetched_at < now() - interval '6 hours'`,
  },
  idempotency_key: {
    put: `insert into idempotency_key (subject, key_hash, fingerprint, owner, lease_until, expires_at, finished_at)
      select 'soak', ${text}, '', gen_random_uuid(), now(), now() - interval '1 minute', now() ${three}`,
    age: `update idempotency_key set expires_at = now() - interval '1 minute'
      where finished_at < ${old} and expires_at > now()`,
    expired: 'expires_at < now()',
  },
  job_turn: {
    put: `insert into job_turn (queue, group_hash, turn) select 'soak', group_hash, 1 from generate_series(1, 3) as group_hash
      on conflict do nothing`,
    expired: `queue = 'soak'`,
  },
  mail_message: {
    put: `insert into mail_message (id, kind, recipient, state, created_at)
      select gen_random_uuid(), 'soak', 'soak@example.org', 'sent', now() - interval '2 years' ${three}`,
    age: `update mail_message set created_at = created_at - interval '2 years'
      where settled_at < ${old} and created_at > now() - interval '1 day'`,
    expired: `created_at < now() - interval '1 year'`,
  },
  pgboss: {
    age: `with aged as (
        update pgboss.job set completed_on = completed_on - interval '30 days'
        where completed_on between now() - interval '1 day' and ${old} returning 1)
      update pgboss.queue set maintain_on = now() - interval '2 days' where exists (select from aged)`,
    expired: `completed_on + deletion_seconds * interval '1 second' < now()`,
  },
  pricing_job: {
    put: `insert into pricing_job (id, subject, status, created_at)
      select gen_random_uuid(), 'soak', 'done', now() - interval '2 years' ${three}`,
    age: `update pricing_job set created_at = created_at - interval '2 years'
      where created_at between now() - interval '1 day' and ${old}`,
    expired: `created_at < now() - interval '1 year'`,
  },
  pricing_write: {
    put: `insert into pricing_write (owner_hash, window_start, bytes) select owner_hash, now() - interval '1 hour', 1
      from generate_series(1, 3) as owner_hash on conflict do nothing`,
    expired: `window_start < now() - interval '20 minutes'`,
  },
  refresh: {
    age: `update refresh set finished_at = finished_at - interval '2 years'
      where status <> 'running' and finished_at between now() - interval '1 day' and ${old}`,
    expired: `status <> 'running' and finished_at < now() - interval '1 year'
      and exists (select from refresh later where later.universe = refresh.universe
        and later.status = 'succeeded' and later.finished_at > refresh.finished_at)`,
  },
  refresh_family: {
    put: `insert into refresh_family (id, user_id, created_at, expires_at)
      select gen_random_uuid(), ${user}, now() - interval '2 days', now() - interval '1 day' ${three}`,
    age: `update refresh_family set expires_at = now() - interval '1 minute'
      where created_at < ${old} and expires_at > now()`,
    expired: 'expires_at < now()',
  },
  registration_count: {
    put: `insert into registration_count (day, bucket, registrations)
      select current_date - 9, bucket, 1 from generate_series(1, 3) as bucket on conflict do nothing`,
    expired: 'day < current_date - 1',
  },
  revoked_token: {
    put: `insert into revoked_token (token_id, revoked_at, expires_at)
      select ${text}, now() - interval '2 hours', now() - interval '1 hour' ${three}`,
    expired: `expires_at < now() - interval '20 minutes'`,
  },
  sign_in_challenge: {
    put: `insert into sign_in_challenge (token_hash, user_id, wants_session, place_hash, expires_at)
      select ${digest}, ${user}, false, ${digest}, now() - interval '1 hour' ${three}`,
    expired: 'expires_at < now()',
  },
  sign_in_place: {
    put: `insert into sign_in_place (user_id, place_hash, seen_at)
      select ${user}, ${digest}, now() - interval '91 days' ${three}`,
    expired: `seen_at < now() - interval '90 days'`,
  },
  user_account: {
    put: `insert into user_account (id, email, password_hash, role, scopes, created_at, registration_bucket)
      select gen_random_uuid(), ${text} || '@example.org', '', 'user', '{}', now() - interval '2 years', 0 ${three}`,
    expired: `first_signed_in_at is null and created_at < now() - interval '1 year'`,
  },
  user_session: {
    put: `insert into user_session (id, token_hash, user_id, created_at, seen_at, expires_at)
      select gen_random_uuid(), ${digest}, ${user}, now() - interval '2 days', now() - interval '2 days',
        now() - interval '1 day' ${three}`,
    expired: 'expires_at < now()',
  },
  webhook_delivery: {
    put: `with made as (
        insert into webhook_event (id, type, body, occurred_at, fanned_out_at)
        select gen_random_uuid(), 'refresh.succeeded', '{}', now(), now() ${three} returning id
      ) insert into webhook_delivery (webhook_id, event_id, state, created_at)
      select gen_random_uuid(), id, 'waiting', now() from made`,
    expired: 'not exists (select 1 from webhook where id = webhook_id)',
  },
  webhook_event: {
    put: `insert into webhook_event (id, type, body, occurred_at, fanned_out_at)
      select gen_random_uuid(), 'refresh.succeeded', '{}', now() - interval '2 years', now() ${three}`,
    age: `update webhook_event set occurred_at = occurred_at - interval '2 years'
      where occurred_at between now() - interval '1 day' and ${old}`,
    expired: `occurred_at < now() - interval '1 year'`,
  },
});
