import { Client } from 'pg';
import type { TestDatabase } from '#testkit/database.ts';
import { fillMarket } from '../../../scripts/bench/market/large-universe.ts';

/** Assets of the largest universe, as a definition of the API may have them, in four indexes over all of them. */
export const assetCount = 1_000;
/** Bars of each of them. */
export const barCount = 50;
/** A pricing job with a chunk of the max size. */
export const storedJob = '00000000-0000-7000-8000-000000000001';

/**
 * What callers and operators can store: rows for whole pages of each list, with texts as long as they may be. SQL with
 * `session_replication_role` writes also what only triggers may change, such as the audit trail.
 */
const statements = [
  // A long history: 40 years of trading days.
  `insert into asset (id, symbol, name, exchange, currency) values (900001, 'LONG', repeat('n', 200), 'X', 'USD')`,
  `insert into price (asset_id, date, open, high, low, close, volume)
   select 900001, date '1980-01-01' + day, close, close + 1, close - 1, close, 1000
   from generate_series(0, 9999) as day, lateral (select 100 + 10 * sin(day * day)::float8 as close) as bar`,
  // Small indexes beside the four large ones, for a whole page.
  `insert into market_index (id, code, name, universe, method, calculation)
   select 800000 + n, 'INDEX' || n, repeat('i', 200), 'large', 'equal_weighted', null from generate_series(1, 1000) as n`,
  `insert into index_constituent (index_id, asset_id)
   select 800000 + n, member from generate_series(1, 1000) as n, generate_series(1, 40) as member`,
  `insert into index_value (index_id, date, value)
   select 800001, date '2000-01-01' + day, 1000 + day from generate_series(0, 4999) as day`,
  `insert into universe (name, version, origin, source, interval, definition, created_at, updated_at)
   select 'small' || n, 1, 'api', 'upload', '1day', definition, now(), now()
   from generate_series(1, 90) as n, (select definition from universe where name = 'tech5') as known`,
  `insert into user_account (id, email, password_hash, role, scopes, created_at, email_verified_at)
   select gen_random_uuid(), 'many' || n || '@' || repeat('d', 60) || '.example.org', '', 'user', '{}', now(), now()
   from generate_series(1, 1000) as n`,
  `insert into audit_event (id, stream, sequence, action, outcome, actor_kind, actor_subject, target, request_id, trace_id,
     occurred_at, data, previous_hash, hash)
   select gen_random_uuid(), 'many', n, 'profile.updated', 'success', 'user', gen_random_uuid()::text, repeat('t', 200),
     gen_random_uuid()::text, repeat('a', 32), now(), jsonb_build_object('fields', repeat('f', 500)), 'a', 'b'
   from generate_series(1, 1000) as n`,
  `insert into refresh (id, universe, trigger, status, started_at, finished_at, applied_at, series_replaced,
     series_held_back, row_errors, row_errors_total, source)
   select gen_random_uuid(), 'large', 'request', 'succeeded', now() - n * interval '1 second', now(), now(), series, series,
     errors, 20, 'provider'
   from generate_series(1, 1000) as n,
     (select jsonb_agg(jsonb_build_object('symbol', 'S' || k, 'reason', 'restated', 'factor', 1.5)) as series
      from generate_series(1, 20) as k) as series,
     (select jsonb_agg(jsonb_build_object('line', k, 'code', 'invalid_value', 'detail', repeat('d', 100), 'column', 'close'))
        as errors from generate_series(1, 20) as k) as errors`,
  `insert into price_quarantine (refresh_id, asset_id, date, price, reference, reason)
   select (select id from refresh where universe = 'large' order by started_at desc limit 1), n, '2000-01-01', 1.5, 2.5,
     'moved_too_far' from generate_series(1, 1000) as n`,
];

/** Rows of the owners that callers.ts has made. */
const ownedStatements = [
  `insert into user_session (id, token_hash, user_id, created_at, seen_at, expires_at, agent)
   select gen_random_uuid(), sha256((id || ' ' || n)::bytea), id, now(), now(), now() + interval '1 day', 'Firefox on Windows'
   from generate_series(1, 1000) as n, user_account where email in ('inputs@example.org', 'inputs-admin@example.org')`,
  // No refresh of the test is rolled back, so nothing is delivered while it measures.
  `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
   select gen_random_uuid(), owner_kind, owner_id, 'https://example.com/' || repeat('u', 2000), '{refresh.rolled_back}', now()
   from (select owner_kind, owner_id from calendar_connection union select 'user', id::text from user_account
     where email like 'inputs%') as owner, generate_series(1, 10)`,
  `insert into pricing_job (id, subject, owner, status, created_at, submitted_at)
   select '${storedJob}', owner_kind || ':' || owner_id, null, 'submitted', now(), now() from calendar_connection`,
  `insert into pricing_chunk (job_id, number, status, digest, output, row_count, failed_count, finished_at)
   select '${storedJob}', n, case n when 1 then 'done' else 'waiting' end, '',
     case n when 1 then decode(repeat('00', 16777216), 'hex') end, 1, 0, now() from generate_series(1, 1000) as n`,
  `insert into webhook_event (id, type, body, occurred_at, fanned_out_at)
   select gen_random_uuid(), 'webhook.test', '{}', now(), now() from generate_series(1, 1000)`,
  `insert into webhook_delivery (webhook_id, event_id, state, attempts, created_at)
   select webhook.id, event.id, 'dead', 9, now() from webhook,
     (select id from webhook_event where type = 'webhook.test' limit 1000) as event`,
  `insert into calendar_event (connection_id, event_id, status, summary, location, starts_at, ends_at, all_day, time_zone,
     link, etag, updated_at)
   select id, 'stored' || n, 'confirmed', 'AAPL ' || repeat('s', 1000), repeat('l', 1000), now() + n * interval '1 second',
     now() + n * interval '1 second', false, 'UTC', 'https://example.com/' || repeat('k', 500), '"1"', now()
   from calendar_connection, generate_series(1, 10000) as n`,
  `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at)
   select gen_random_uuid(), sha256((owner_id || n)::bytea), 'vw_' || n, repeat('k', 100), owner_kind, owner_id, '{}', now()
   from (select owner_kind, owner_id from calendar_connection union select 'user', id::text from user_account
     where email like 'inputs%') as owner, generate_series(1, 45) as n`,
];

const run = async (database: TestDatabase, work: (client: Client) => Promise<void>): Promise<void> => {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    await work(client);
  } finally {
    await client.end();
  }
};

/** A universe for uploads, because a file is the largest input of a universe. It is stored in an empty database only. */
export const storeMarket = (database: TestDatabase): Promise<void> =>
  run(database, async (client) => {
    await fillMarket(client, assetCount, barCount);
    await client.query(
      `update universe set source = 'upload', definition = jsonb_set(definition, '{source}', '"upload"') where name = 'large'`,
    );
    await client.query(`update asset set price_source = 'upload'`);
  });

/** After the callers exist. */
export const storeLists = (database: TestDatabase): Promise<void> =>
  run(database, async (client) => {
    for (const statement of [...statements, ...ownedStatements]) {
      await client.query(statement).catch((error: unknown) => {
        throw new Error(statement, { cause: error });
      });
    }
    await client.query('vacuum analyze');
  });
