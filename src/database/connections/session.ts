import type { Socket } from 'node:net';
import type { ClientBase, PoolConfig, QueryConfig, QueryResult } from 'pg';
import { pinnedSettings } from '#src/kernel/connections/session-settings.ts';
import type { PoolOptions } from './pool-options.ts';

type SessionOptions = Pick<
  PoolOptions,
  'schema' | 'sessionless' | 'statementTimeoutMs' | 'idleInTransactionTimeoutMs' | 'acquireTimeoutMs'
>;

/** Settings for the server: it notices a client that vanished within half a minute, and releases its locks. */
const deadPeerSettings = {
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '20000',
};

/** All settings of a session or transaction. `pg_temp` is last, because a temporary table must not hide a table. */
const settingsOf = ({ schema = 'public', statementTimeoutMs, idleInTransactionTimeoutMs }: SessionOptions) => ({
  ...pinnedSettings,
  search_path: `"${schema}", pg_temp`,
  statement_timeout: String(statementTimeoutMs),
  idle_in_transaction_session_timeout: String(idleInTransactionTimeoutMs),
});

/**
 * One statement that makes all settings. It omits settings that the version of the server does not have. Names and
 * values are constants or checked by the configuration, so they need no escapes. The functions are qualified, because
 * the search path is not set yet.
 */
export const pinSql = (options: SessionOptions, scope: 'session' | 'transaction'): string => {
  const settings = { ...settingsOf(options), ...(scope === 'session' && deadPeerSettings) };
  const rows = Object.entries(settings).map(([name, value]) => `('${name}', '${value}')`);
  return `select pg_catalog.set_config(name, value, ${scope === 'transaction'}) from (values ${rows.join(', ')}) as pinned (name, value)
    where pg_catalog.current_setting(name, true) is not null`;
};

/**
 * A transaction in one message, for a statement before the settings. A standby refuses every statement of a session whose
 * default is serializable. After an error the connection must be closed, because the transaction stays open.
 */
const inOneMessage = (statement: string): string => `begin isolation level read committed; ${statement}; commit`;

/** Runs one statement on a connection that may be without the settings. */
export const queryWithoutSettings = async <Row extends Record<string, unknown>>(
  client: Pick<ClientBase, 'query'>,
  statement: string,
  timeoutMs: number,
): Promise<readonly Row[]> => {
  const results = await client.query({ text: inOneMessage(statement), query_timeout: timeoutMs } as QueryConfig);
  // pg returns one result for each statement of a message; its type has only one.
  return (results as unknown as readonly QueryResult<Row>[])[1]?.rows ?? [];
};

/** Makes the settings of a new session. @throws the error of the server or of the connection */
export const pinSession = async (
  client: Pick<ClientBase, 'query'>,
  options: SessionOptions,
  timeoutMs = options.acquireTimeoutMs,
): Promise<void> => {
  await client.query({ text: inOneMessage(pinSql(options, 'session')), query_timeout: timeoutMs } as QueryConfig);
};

/**
 * The hook of a pool that makes the settings of each new connection. They are not parameters of the connection, because
 * PgBouncer refuses or ignores these, also in session mode. Behind a transaction pooler there is no session to set up.
 */
export const sessionHook = (options: SessionOptions): Pick<PoolConfig, 'onConnect'> => {
  if (options.sessionless) return {};
  // The pool awaits the promise; the declared type of pg does not say so.
  const onConnect = (client: ClientBase): unknown =>
    pinSession(client, options).catch((error: unknown) => {
      // The pool then waits for the end of the connection, and a server that does not answer would not end it.
      (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
      throw error;
    });
  return { onConnect };
};
