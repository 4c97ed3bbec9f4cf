import { randomBytes } from 'node:crypto';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import type { Teardown } from '#testkit/running-service.ts';

/** Defaults of a role, each of which changes values, parsing or the end of a statement for a client that sets nothing. */
export const hostileSettings: Readonly<Record<string, string>> = {
  datestyle: 'German, DMY',
  intervalstyle: 'iso_8601',
  timezone: 'Pacific/Kiritimati',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  backslash_quote: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  exit_on_error: 'on',
  lock_timeout: '1ms',
  idle_session_timeout: '300ms',
  transaction_timeout: '400ms',
  statement_timeout: '350ms',
  idle_in_transaction_session_timeout: '20ms',
  client_encoding: 'LATIN1',
  search_path: 'hidden, public',
};

export type RoleOptions = {
  readonly settings?: Readonly<Record<string, string>>;
  readonly migrated?: boolean;
  /** Where the settings are made: for the role in all databases, or for all roles in the database. */
  readonly scope?: 'role' | 'database';
};

/** A database with a role of its own, a superuser, for which the settings are the defaults of each session. */
export const setupHostile = async (
  t: Teardown,
  { settings = hostileSettings, migrated = true, scope = 'role' }: RoleOptions = {},
): Promise<TestDatabase> => {
  const admin = await setupDatabase(t, { migrated });
  const role = `hostile_${randomBytes(6).toString('hex')}`;
  const name = new URL(admin.url).pathname.slice(1);
  await admin.query(`create role ${role} superuser login password 'hostile'`);
  t.teardown(async () => {
    await admin.query(`begin read write; reassign owned by ${role} to current_user; drop role ${role}; commit`);
  });
  const owner = scope === 'role' ? `role ${role}` : `database ${name}`;
  const version = Number((await admin.query('show server_version_num'))[0]?.['server_version_num']);
  await admin.query('create schema hidden');
  const statements = Object.entries(settings)
    .filter(([setting]) => setting !== 'transaction_timeout' || version >= 170_000)
    .map(([setting, value]) => {
      const isList = setting === 'search_path' || setting === 'datestyle';
      return `alter ${owner} set ${setting} = ${isList ? value : `'${value}'`}`;
    });
  // In one session, because the settings of the database are the defaults of each later session of this test too.
  await admin.query(statements.join('; '));
  const url = new URL(admin.url);
  url.username = role;
  url.password = 'hostile';
  return { ...admin, url: url.href };
};

/** The settings that the service must make, as `pg_settings` shows them in a session of the service. */
export const expectedSettings: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  array_nulls: 'on',
  backslash_quote: 'safe_encoding',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  default_transaction_deferrable: 'off',
  default_transaction_isolation: 'read committed',
  exit_on_error: 'off',
  extra_float_digits: '1',
  idle_session_timeout: '0',
  quote_all_identifiers: 'off',
  search_path: '"public", pg_temp',
  standard_conforming_strings: 'on',
  transaction_isolation: 'read committed',
  transaction_timeout: '0',
  transform_null_equals: 'off',
};

const names = Object.keys(expectedSettings).map((name) => `'${name}'`);
/** One row: the settings as an object. */
export const settingsSql = `select json_object_agg(name, setting order by name) as settings from pg_settings where name in (${names.join(', ')})`;
