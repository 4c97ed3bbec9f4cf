import type { Lock } from '#src/kernel/ports/unit-of-work.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Connection, Pool } from './pool.ts';

/** The first key separates our locks from those of other users of the same database. */
const acquireSql = `select pg_try_advisory_lock(hashtext('volwatch'), hashtext($1)) as locked`;
const releaseSql = `select pg_advisory_unlock(hashtext('volwatch'), hashtext($1)) as unlocked`;

/** Frees a lock once, also if it is called several times. Never throws. */
const createRelease = (
  { logger, name }: { readonly logger: Logger; readonly name: string },
  connection: Connection,
  free: () => Promise<unknown>,
): (() => Promise<void>) => {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    if (connection.broken()) logger.warn({ lock: name }, 'The connection holding a lock was lost while it was held');
    else await free().catch(() => {});
  };
  return () => (released ??= release());
};

/**
 * A session advisory lock on a separate connection: PostgreSQL releases it when the process dies. Each held lock uses
 * one connection of `pool`, which must not be the one of the work: a lock is held while a refresh waits for a provider.
 */
export const createLock = ({ pool, logger }: { readonly pool: Pool; readonly logger: Logger }): Lock => ({
  tryWith: async (name, work) => {
    const connection = await pool.acquire();
    try {
      const [row] = (await connection.query(acquireSql, [name])).rows;
      if (row?.['locked'] !== true) return undefined;
      const release = createRelease({ logger, name }, connection, () => connection.query(releaseSql, [name]));
      try {
        return { value: await work(release) };
      } finally {
        await release();
      }
    } finally {
      connection.release();
    }
  },
});

const acquireForTransactionSql = `select pg_try_advisory_xact_lock(hashtext('volwatch'), hashtext($1)) as locked`;
/** The transaction that holds the lock is idle while the work runs, so it must not be ended for being idle. */
const stayOpenSql = `select set_config('idle_in_transaction_session_timeout', '0', true)`;

/**
 * The lock for databases behind a pooler, where a session belongs to the pooler: a transaction stays open while the
 * work runs and holds the lock. PostgreSQL ends both when the process dies.
 */
export const createTransactionLock = ({ pool, logger }: { readonly pool: Pool; readonly logger: Logger }): Lock => ({
  tryWith: async (name, work) => {
    const connection = await pool.acquire();
    try {
      await connection.begin();
      const release = createRelease({ logger, name }, connection, () => connection.query('commit'));
      try {
        await connection.query(stayOpenSql);
        const [row] = (await connection.query(acquireForTransactionSql, [name])).rows;
        return row?.['locked'] === true ? { value: await work(release) } : undefined;
      } finally {
        await release();
      }
    } finally {
      connection.release();
    }
  },
});
