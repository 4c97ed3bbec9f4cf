import { mayTryAgain, tryTwice } from './again.ts';
import type { ConnectionUse } from './turns/connection-turns.ts';
import type { Connection, Pool } from './pool.ts';

/**
 * Runs the first statement on a connection of the pool. If the connection turns out to be broken, the statement runs once
 * more on another connection, so it must change nothing: `begin`, or a read.
 * @returns the connection, which the caller must release
 */
export const startOn = async <T>(
  pool: Pool,
  use: ConnectionUse,
  start: (connection: Connection) => Promise<T>,
): Promise<{ readonly connection: Connection; readonly value: T }> => {
  let isBroken = false;
  return tryTwice(
    async (timeoutMs) => {
      isBroken = false;
      const connection = await pool.acquire({ timeoutMs, use });
      try {
        return { connection, value: await start(connection) };
      } catch (error) {
        isBroken = connection.broken();
        connection.release();
        throw error;
      }
    },
    // `acquire` has its own second attempt.
    (error) => isBroken && mayTryAgain(error),
    pool.again,
  );
};
