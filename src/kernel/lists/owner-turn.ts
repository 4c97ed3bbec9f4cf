import { AppError, codeOf } from '../catalogue/errors.ts';
import type { Query } from '../ports/unit-of-work.ts';

/** A request that waits holds a connection, so it waits only for transactions that are short. */
const maxWaitMs = 1_000;
/** One statement, because the limit must not stay for the statements that follow. */
const sqlWith = (lock: 'pg_advisory_xact_lock' | 'pg_advisory_xact_lock_shared'): string =>
  `select set_config('lock_timeout', $2, true), ${lock}(hashtextextended($1, 0)), set_config('lock_timeout', '0', true)`;

const run = async (sql: string, query: Query, name: string): Promise<void> => {
  try {
    await query(sql, [name, String(maxWaitMs)]);
  } catch (error) {
    if (codeOf(error) !== 'database_timeout') throw error;
    throw new AppError('concurrency_limit_exceeded', 'Other requests of this owner change the same data', {
      retryAfter: 1,
      cause: error,
    });
  }
};

const aloneSql = sqlWith('pg_advisory_xact_lock');
const sharedSql = sqlWith('pg_advisory_xact_lock_shared');

/**
 * Makes transactions with the same `name` take turns until they end. The rest of the transaction must be short.
 * @throws AppError `concurrency_limit_exceeded` after a second; the transaction has then failed
 */
export const takeOwnerTurn = (query: Query, name: string): Promise<void> => run(aloneSql, query, name);

/**
 * Waits for a transaction that called `takeOwnerTurn` with this `name`, and lets the next one wait. Transactions that share
 * a turn do not wait for each other.
 * @throws AppError as `takeOwnerTurn`
 */
export const shareOwnerTurn = (query: Query, name: string): Promise<void> => run(sharedSql, query, name);
