import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { Pool } from './pool.ts';
import { startOn } from './start-on.ts';

/**
 * Runs the statements of `work` on one connection, in a transaction that sees one state of the database and writes nothing.
 * It ends between two statements when its request has ended, because it holds a connection and often a place.
 */
export const inSnapshot = async <T>(pool: Pool, work: (reader: Reader) => Promise<T>): Promise<T> => {
  const { connection } = await startOn(pool, 'transaction', (acquired) => acquired.begin('repeatable read read only'));
  try {
    const value = await work({
      query: (async (text: string, parameters?: readonly unknown[]) => {
        currentRequest()?.signal.throwIfAborted();
        return (await connection.query(text, parameters)).rows;
      }) as Query,
    });
    await connection.query('commit');
    return value;
  } catch (error) {
    if (!connection.broken()) await connection.query('rollback').catch(() => {});
    throw error;
  } finally {
    connection.release();
  }
};
