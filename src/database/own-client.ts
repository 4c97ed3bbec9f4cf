import { Client, type ClientConfig } from 'pg';
import { translate } from './errors.ts';
import { clientOptions } from './connections/client-options.ts';
import type { PoolOptions } from './connections/pool-options.ts';
import { pinSession, pinSql } from './connections/session.ts';

export type OwnClientDeps = Pick<PoolOptions, 'url' | 'ssl' | 'schema' | 'applicationName' | 'sessionless'>;

/** The work can take long, so only the client ends it. The wait for a connection is limited. */
const serverTimeouts = { acquireTimeoutMs: 5_000, statementTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };

/**
 * Runs `work` on a connection outside the pool, because the statement timeout of the pool must not end a migration, an
 * export or an import.
 * @throws AppError of category database, or the error of a faulty statement
 */
export const withOwnClient = async <T>(
  deps: OwnClientDeps,
  limits: Pick<ClientConfig, 'query_timeout'>,
  work: (client: Client) => Promise<T>,
): Promise<T> => {
  const client = new Client({ ...clientOptions(deps), connectionTimeoutMillis: 5_000, ...limits });
  client.on('error', () => {});
  try {
    await client.connect();
    if (!deps.sessionless) await pinSession(client, { ...deps, ...serverTimeouts });
    return await work(client);
  } catch (error) {
    throw translate(error);
  } finally {
    await client.end().catch(() => {});
  }
};

/** Runs `work` in a transaction. @param mode the isolation level, and `read only` */
export const inOwnTransaction = async <T>(
  client: Client,
  deps: OwnClientDeps,
  mode: string,
  work: () => Promise<T>,
): Promise<T> => {
  const begin = `begin isolation level ${mode}`;
  await client.query(deps.sessionless ? `${begin}; ${pinSql({ ...deps, ...serverTimeouts }, 'transaction')}` : begin);
  try {
    const value = await work();
    await client.query('commit');
    return value;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
};
