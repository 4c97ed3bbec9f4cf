import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createAccountExport } from '#src/accounts/export/account-export.ts';
import { composeCredentialAdmin } from '#src/compose/identity/credential-admin.ts';
import { entities } from '#src/compose/data/entities.ts';
import { impersonalTables, personalTables } from '#src/compose/data/personal-data/personal-tables.ts';
import { createDatabase } from '#src/database/database.ts';
import { createByteCount, type ByteCount } from '#src/kernel/memory/byte-count.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Query, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';

const user = '01900000-0000-7000-8000-00000000000a';
const email = 'canary-address@example.org';

/**
 * A row of the user in each table, in this order, with `canary` wherever personal data can be and `secret` in digests and
 * tokens. A new table with personal data needs a row here.
 */
const rows: Readonly<Record<string, string>> = {
  user_account: `insert into user_account (id, email, password_hash, role, scopes, created_at, email_verified_at)
    values ('${user}', '${email}', 'secret', 'user', '{ml:read}', now(), now())`,
  account_profile: `insert into account_profile (user_id, version, updated_at, display_name, organization)
    values ('${user}', 1, now(), 'canary name', 'canary organization')`,
  account_settings: `insert into account_settings (user_id, version, updated_at) values ('${user}', 1, now())`,
  pricing_preset: `insert into pricing_preset values ('${user}', 'canary', '{}', now(), now())`,
  account_token: `insert into account_token values ('secret', '${user}', 'password_reset', '${email}', now(), now())`,
  email_change: `insert into email_change values ('${user}', 'canary-new@example.org', null, null, now(), now())`,
  mail_message: `insert into mail_message (id, kind, recipient, state, created_at)
    values (gen_random_uuid(), 'password_reset', '${email}', 'sent', now())`,
  user_session: `insert into user_session (id, token_hash, user_id, created_at, seen_at, expires_at, agent, place_hash)
    values (gen_random_uuid(), 'secret', '${user}', now(), now(), now(), 'canary browser', 'secret')`,
  refresh_family: `insert into refresh_family (id, user_id, created_at, expires_at, agent, place_hash)
    values ('${user}', '${user}', now(), now(), 'canary program', 'secret')`,
  refresh_token: `insert into refresh_token values ('secret', '${user}', '{}', 'token-id', now(), now(), null)`,
  user_second_factor: `insert into user_second_factor (user_id, secret, created_at) values ('${user}', 'secret', now())`,
  recovery_code: `insert into recovery_code values ('${user}', 'secret')`,
  sign_in_challenge: `insert into sign_in_challenge values ('secret', '${user}', true, 'canary agent', 'secret', now())`,
  sign_in_place: `insert into sign_in_place values ('${user}', 'secret', now())`,
  api_key: `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at)
    values ('${user}', 'secret', 'vwk_', 'canary key', 'user', '${user}', '{}', now())`,
  owner_end: `insert into owner_end values ('user', '${user}', 'tokens_ended', now())`,
  audit_count: `insert into audit_count values ('user', '${user}', 'changes', current_date, 1, 1)`,
  audit_refusal_window: `insert into audit_refusal_window values ('user:${user}', now(), 1, 0)`,
  calendar_connection: `insert into calendar_connection (id, owner_kind, owner_id, status, account, scopes, refresh_token,
      access_token, access_expires_at, connected_at)
    values ('${user}', 'user', '${user}', 'connected', 'canary@gmail.com', '{}', 'secret', 'secret', now(), now())`,
  calendar_consent: `insert into calendar_consent values
    ('secret', 'user', '${user}', null, 'secret', 'secret', 'https://canary.example', now(), now())`,
  calendar_event: `insert into calendar_event (connection_id, event_id, status, summary, starts_at, ends_at, all_day)
    values ('${user}', 'event', 'confirmed', 'canary meeting', now(), now(), false)`,
  calendar_revocation: `insert into calendar_revocation values
    (gen_random_uuid(), 'user', '${user}', gen_random_uuid(), 'secret', now())`,
  idempotency_key: `insert into idempotency_key (subject, key_hash, fingerprint, owner, lease_until, expires_at)
    values ('api_key:${user}', 'secret', 'secret', gen_random_uuid(), now(), now())`,
  pricing_job: `insert into pricing_job (id, subject, status, created_at) values ('${user}', 'user:${user}', 'open', now())`,
  pricing_chunk: `insert into pricing_chunk (job_id, number, status, digest, input)
    values ('${user}', 0, 'waiting', 'secret', 'secret')`,
  webhook: `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
    values ('${user}', 'user', '${user}', 'https://canary.example/hook', '{}', now())`,
  webhook_event: `insert into webhook_event (id, type, body, occurred_at) values ('${user}', 'webhook.test', '{}', now())`,
  webhook_delivery: `insert into webhook_delivery (webhook_id, event_id, state, created_at)
    values ('${user}', '${user}', 'waiting', now())`,
};

const open = async (t: ExecutionContext) => {
  const stored = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(stored.url), entities });
  t.teardown(() => database.close());
  const audit = createAuditTrail({ clock: systemClock, metrics: noMetrics, ids: uuidv7 });
  for (const [table, sql] of Object.entries(rows))
    await stored.query(sql).catch((error: unknown) => t.fail(`${table}: ${String(error)}`));
  await database.unitOfWork.run({ operation: 'auth.login' }, (transaction) =>
    audit.record(transaction, { stream: `user:${user}`, action: 'user.signed_in', outcome: 'success', target: user }),
  );
  const { unitOfWork, reader } = database;
  const parts = { unitOfWork, reader, audit, clock: systemClock, unfinishedAnswers: createByteCount() };
  const exportAccount = async (maxRows = 100, maxBytes = 1_000_000): Promise<Exported> => {
    const limits = { maxRows, maxBytes, statementTimeoutMs: 5_000 };
    const pieces = await createAccountExport({ ...parts, ...limits, tables: personalTables })(user);
    return JSON.parse(Buffer.concat(pieces).toString()) as Exported;
  };
  return { stored, parts, exportAccount, admin: composeCredentialAdmin(parts) };
};

const newUser = '01900000-0000-7000-8000-00000000000c';

type Exported = {
  readonly user_id: string;
  readonly truncated: readonly string[];
  readonly data: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
};

const dumpOf = async ({ query }: TestDatabase): Promise<Record<string, string>> => {
  const tables = await query(`select tablename from pg_tables where schemaname = 'public'`);
  const texts: Record<string, string> = {};
  for (const { tablename } of tables) {
    const [row] = await query(`select coalesce(string_agg(t::text, ' '), '') as rows from "${String(tablename)}" as t`);
    texts[String(tablename)] = String(row?.['rows']);
  }
  return texts;
};

test('the bytes of an export count until it is complete', async (t) => {
  const { parts } = await open(t);
  const count = createByteCount();
  let most = 0;
  const unfinishedAnswers: ByteCount = {
    ...count,
    add: (bytes) => {
      const end = count.add(bytes);
      most = Math.max(most, count.total());
      return end;
    },
  };
  const limits = { maxRows: 100, maxBytes: 1_000_000, statementTimeoutMs: 5_000 };
  const pieces = await createAccountExport({ ...parts, unfinishedAnswers, ...limits, tables: personalTables })(user);
  const { byteLength } = Buffer.concat(pieces);
  t.true(most > byteLength / 2 && most <= byteLength, `${most} of ${byteLength} bytes`);
  t.is(count.total(), 0);
  const failing: UnitOfWork = {
    run: (options, work) =>
      parts.unitOfWork.run(options, async (transaction) => {
        await work(transaction);
        t.true(count.total() > 0);
        throw new Error('the commit failed');
      }),
  };
  const failed = { ...parts, unitOfWork: failing, unfinishedAnswers, ...limits, tables: personalTables };
  await t.throwsAsync(createAccountExport(failed)(user), { message: 'the commit failed' });
  t.is(count.total(), 0);
});

test('every table is declared as personal or not, with all its columns', async (t) => {
  const { query } = await setupDatabase(t);
  const columns = await query(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = current_schema() order by 1, 2`,
  );
  const tables = [...new Set(columns.map(({ table }) => String(table)))];
  const declared = [...Object.keys(personalTables), ...Object.keys(impersonalTables)];
  t.deepEqual(declared.toSorted(), tables.toSorted(), 'edit src/compose/data/personal-data/');
  for (const [table, { exported, omitted, removal, remains }] of Object.entries(personalTables)) {
    t.deepEqual(
      [...exported, ...omitted.flatMap((each) => each.columns)].toSorted(),
      columns.filter((each) => each['table'] === table).map(({ column }) => String(column)),
      `the columns of ${table}: edit src/compose/data/personal-data/`,
    );
    t.is(remains !== undefined, removal !== 'deleted', table);
    t.true(table === 'audit_event' || rows[table] !== undefined, `${table} needs a row in this test`);
  }
});

test('the export has the rows of each table and no secret', async (t) => {
  const { exportAccount, stored } = await open(t);
  const document = await exportAccount();
  t.is(document.user_id, user);
  t.deepEqual(document.truncated, []);
  t.deepEqual(Object.keys(document.data).toSorted(), Object.keys(personalTables).toSorted());
  for (const [table, found] of Object.entries(document.data)) t.true(found.length > 0, table);
  const text = JSON.stringify(document);
  for (const canary of [
    email,
    'canary name',
    'canary meeting',
    'canary@gmail.com',
    'canary key',
    'canary browser',
    'canary program',
    'canary agent',
    'canary.example/hook',
  ]) {
    t.true(text.includes(canary), canary);
  }
  t.notRegex(text, /"secret"/);
  t.false(text.includes(Buffer.from('secret').toString('hex')));
  t.is((await stored.query(`select 1 from audit_event where action = 'user.data_exported'`)).length, 1);
  // Somebody else may have the address, and others may have caused messages to it.
  await stored.query(`update user_account set email_verified_at = null where id = '${user}'`);
  t.deepEqual((await exportAccount()).data['mail_message'], []);
});

test('the export of one user has nothing of another, and names what it cuts', async (t) => {
  const { exportAccount, stored } = await open(t);
  const other = '01900000-0000-7000-8000-00000000000b';
  await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     values ('${other}', 'other@example.org', 'x', 'user', '{}', now())`,
  );
  await stored.query(
    `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
     values ('${other}', 'user', '${other}', 'https://other.example', '{}', now()),
       (gen_random_uuid(), 'client', '${user}', 'https://other.example', '{}', now()),
       (gen_random_uuid(), 'user', '${user}', 'https://canary.example/second', '{}', now())`,
  );
  const document = await exportAccount(1);
  t.false(JSON.stringify(document).includes('other'));
  t.deepEqual(document.truncated, ['webhook']);
  t.is(document.data['webhook']?.length, 1);
});

test('an export has no more bytes than the max, and names the tables that were cut', async (t) => {
  const { exportAccount, stored } = await open(t);
  await stored.query(
    `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
     select gen_random_uuid(), 'user', '${user}', 'https://canary.example/' || repeat('x', 1000), '{}', now()
     from generate_series(1, 500)`,
  );
  const whole = await exportAccount(1_000);
  t.deepEqual(whole.truncated, []);
  t.is(whole.data['webhook']?.length, 501);
  const cut = await exportAccount(1_000, 200_000);
  t.true(cut.truncated.includes('webhook'));
  t.true(JSON.stringify(cut).length < 210_000);
  t.true(cut.data['webhook']!.length > 100);
  t.deepEqual(Object.keys(cut.data), Object.keys(whole.data));
});

test('an export asks once which tables have rows, and reads a small table with one statement', async (t) => {
  const { stored, parts } = await open(t);
  await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     values ('${newUser}', 'new@example.org', 'x', 'user', '{}', now())`,
  );
  const statements: string[] = [];
  const unitOfWork: UnitOfWork = {
    run: (options, work) =>
      parts.unitOfWork.run(options, (transaction) => {
        const query: Query = (text, parameters) => {
          statements.push(text);
          return transaction.query(text, parameters);
        };
        return work({ ...transaction, query });
      }),
  };
  const limits = { maxRows: 100, maxBytes: 1_000_000, statementTimeoutMs: 5_000 };
  await createAccountExport({ ...parts, unitOfWork, ...limits, tables: personalTables })(newUser);
  const read = statements.filter((text) => text.startsWith('select'));
  t.is(read.length, 3, 'the user, the tables with rows, and the only one of them');
  t.false(statements.some((text) => text.startsWith('declare')));
});

test('exports at the same time do not conflict', async (t) => {
  const { exportAccount, stored } = await open(t);
  await Promise.all(Array.from({ length: 12 }, () => exportAccount()));
  t.is((await stored.query(`select 1 from audit_event where action = 'user.data_exported'`)).length, 12);
});

test('a removal leaves nothing personal in any table', async (t) => {
  const { admin, stored } = await open(t);
  await stored.query(`update user_account set removal_at = now() - interval '1 second'`);
  t.is(await admin.eraseDue(10), 1);
  const left = await dumpOf(stored);
  for (const [table, text] of Object.entries(left)) {
    t.notRegex(text, /canary/, `${table} still has personal data`);
    const removal = personalTables[table]?.removal;
    if (removal === 'deleted') t.is(text, '', `${table} still has rows`);
    if (removal !== undefined && removal !== 'deleted') t.true(text.includes(user), `${table} has lost its rows`);
  }
});
