import { Pool as PgPool, type ClientBase } from 'pg';
import { clientOptions } from './client-options.ts';
import type { PoolOptions } from './pool-options.ts';
import { queryWithoutSettings, sessionHook } from './session.ts';

export type SidePool = PgPool;

/**
 * A separate pool with one connection: for health checks, which must not wait behind other work. Behind a transaction
 * pooler its statements have no settings, so they must not depend on any.
 */
export const createSidePool = (options: PoolOptions): SidePool => {
  const pool = new PgPool({
    ...clientOptions(options),
    ...sessionHook(options),
    max: 1,
    allowExitOnIdle: true,
    connectionTimeoutMillis: options.acquireTimeoutMs,
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', () => {});
  return pool;
};

/** Runs one statement without parameters on a side pool with a timeout of `milliseconds`. */
export const queryOnce = async (
  pool: SidePool,
  text: string,
  milliseconds: number,
): Promise<readonly Record<string, unknown>[]> =>
  queryWithoutSettings(pool as Pick<ClientBase, 'query'>, text, milliseconds);
