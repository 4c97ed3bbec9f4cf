/**
 * Settings of PostgreSQL that decide how values are written and read as text, how SQL is parsed, and what a transaction
 * does by default. A role, a database or a pooler can change their defaults, so the service sets them on every
 * connection. The names are in lower case.
 */
export const pinnedSettings: Readonly<Record<string, string>> = {
  // How values are written and read as text.
  client_encoding: 'UTF8',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  // How SQL is parsed. MikroORM writes values into the text of its statements.
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  // What a transaction does by default.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // What ends a statement, a transaction or a session, apart from the timeouts of the service.
  exit_on_error: 'off',
  lock_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/** Settings of PostgreSQL that follow from a variable of the service. */
export const settingsOfVariables: Readonly<Record<string, string>> = {
  search_path: 'DATABASE_SCHEMA',
  statement_timeout: 'DATABASE_STATEMENT_TIMEOUT_MS',
  idle_in_transaction_session_timeout: 'DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS',
};

/** Returns what to do about a setting that a connection string sets; undefined if the service does not set it. */
export const pinnedBy = (name: string): string | undefined => {
  if (Object.hasOwn(settingsOfVariables, name)) return `use ${settingsOfVariables[name]}`;
  return Object.hasOwn(pinnedSettings, name) ? `the service sets it to ${pinnedSettings[name]}` : undefined;
};
