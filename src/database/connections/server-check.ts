import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { StartError } from '#src/kernel/start-error.ts';
import { translate } from '../errors.ts';
import { clientOptions } from './client-options.ts';
import type { PoolOptions } from './pool-options.ts';
import { pinSession, queryWithoutSettings } from './session.ts';

type CheckOptions = Pick<PoolOptions, 'url' | 'ssl' | 'schema' | 'applicationName' | 'sessionless'>;

type Facts = {
  readonly version: number;
  readonly encoding: string;
  readonly standby: boolean;
  readonly read_only: string;
  readonly replication_role: string;
  readonly own_schema: string | null;
  readonly own_tables: boolean;
  readonly schema_there: boolean;
  readonly tables_there: boolean;
};

const minVersion = 15;
/** As in migrations: longer than for a request, because only the start waits. */
const timeoutMs = 5_000;
/** SQLSTATE invalid_catalog_name. */
const missingDatabase = '3D000';
/** Of a name in the form `"name"`, which the configuration has checked. */
const factsSql = (schema: string): string => `
  select pg_catalog.current_setting('server_version_num')::int as version,
    pg_catalog.current_setting('server_encoding') as encoding,
    pg_catalog.pg_is_in_recovery() as standby,
    pg_catalog.current_setting('default_transaction_read_only') as read_only,
    pg_catalog.current_setting('session_replication_role') as replication_role,
    pg_catalog.current_schema() as own_schema,
    pg_catalog.to_regclass('schema_migrations') is not null as own_tables,
    exists (select from pg_catalog.pg_namespace where nspname = '${schema}') as schema_there,
    pg_catalog.to_regclass('"${schema}".schema_migrations') is not null as tables_there`;

/** Returns the reason why the service cannot use this server; undefined if it can. */
const refusalOf = (facts: Facts, schema: string): string | undefined => {
  const { version, encoding, own_schema: own } = facts;
  if (version < minVersion * 10_000) {
    return `server_version: PostgreSQL ${Math.floor(version / 10_000)} is too old; the service needs ${minVersion} or later`;
  }
  if (encoding !== 'UTF8') {
    return `server_encoding: the database has the encoding ${encoding}; create it with encoding UTF8`;
  }
  if (!facts.standby && facts.read_only === 'on') {
    return 'default_transaction_read_only: it is on for this role or database, and the service must write; reset it with "alter role ... reset default_transaction_read_only" or "alter database ..."';
  }
  if (facts.replication_role === 'replica') {
    return 'session_replication_role: it is replica for this role or database, so no trigger protects the audit trail; reset it';
  }
  if (!facts.schema_there) {
    return `DATABASE_SCHEMA: the schema ${schema} does not exist${own === null ? '' : `; search_path leads to the schema ${own}`}`;
  }
  if (!facts.tables_there && facts.own_tables && own !== schema) {
    return `search_path: it leads to the schema ${own}, which has the tables of the service; set DATABASE_SCHEMA=${own}`;
  }
  return undefined;
};

const connect = async (options: CheckOptions): Promise<Client> => {
  const client = new Client({
    ...clientOptions(options),
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
};

/**
 * True if two connections of the service share a session. Then a pooler gives each transaction another session, so
 * settings and locks of a session are lost.
 */
const sharesSessions = async (first: Client, second: Client): Promise<boolean> => {
  const mark = randomUUID();
  await first.query(`select pg_catalog.set_config('volwatch.session', $1, false)`, [mark]);
  const { rows } = await second.query<{ mark: string | null }>(
    `select pg_catalog.current_setting('volwatch.session', true) as mark`,
  );
  return rows[0]?.mark === mark;
};

/**
 * Checks what the service cannot set on its connections, because it needs rights for it or would override an operator:
 * the version and encoding of the server, a read-only database, the schema of the tables, the kind of pooler.
 * @throws StartError with exit status 78 that names the setting, or AppError of category database
 */
export const checkServer = async (options: CheckOptions): Promise<void> => {
  const { schema = 'public' } = options;
  const refuse = (reason: string): never => {
    throw new StartError(`The database cannot be used: ${reason}`, { configuration: true });
  };
  const clients: Client[] = [];
  try {
    clients.push(await connect(options));
    const [first] = clients as [Client];
    const [facts] = await queryWithoutSettings<Facts>(first, factsSql(schema), timeoutMs);
    const reason = facts && refusalOf(facts, schema);
    if (reason !== undefined) refuse(reason);
    if (options.sessionless) return;
    // From here on the first connection waits, so a timeout of the role must not end it.
    await pinSession(first, {
      ...options,
      acquireTimeoutMs: timeoutMs,
      statementTimeoutMs: 0,
      idleInTransactionTimeoutMs: 0,
    });
    clients.push(await connect(options));
    if (await sharesSessions(first, clients[1]!)) {
      refuse('DATABASE_MODE: a pooler gives each transaction another session; set DATABASE_MODE=serverless');
    }
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === missingDatabase;
    if (isMissing && !parsePostgresUrl(options.url).isDatabaseNamed) {
      refuse('DATABASE_URL has no database name, and no database has the name of the user');
    }
    throw translate(error);
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  }
};
