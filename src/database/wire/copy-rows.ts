import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/**
 * The number of stored rows. If reading `rows` fails: `failure`, and 0 rows, because the server discards the whole COPY. The error
 * is a member of `failure`, because every value can be thrown, also undefined.
 */
export type CopyResult = { readonly rows: number; readonly failure?: { readonly error: unknown } };

export type CopyLimits = {
  /**
   * Max milliseconds in which the server must take a block of rows, and answer after the last one. The wait for the next row does not
   * count. Default: no limit.
   */
  readonly silenceMs?: number;
  /** Ends the copy also while the server takes no rows, when `rows` are not read. */
  readonly signal?: AbortSignal | undefined;
};

/** Time of the server to answer after the signal has aborted. Then the connection is closed, and the server rolls back. */
const answerAfterAbortMs = 1_000;

/** The text is that of pg for a statement without an answer. */
const silent = (): Error => new Error('Query read timeout');

/**
 * Watches the server. pg has a timeout for a whole statement only, and a copy lasts as long as its rows take to arrive. Without a
 * limit, only TCP would end the copy to a server that is silent, after 11 to 16 minutes.
 */
const createServerWatch = (client: Client, { silenceMs, signal }: CopyLimits) => {
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  let isLost = false;
  let silence: NodeJS.Timeout | undefined;
  let afterAbort: NodeJS.Timeout | undefined;
  const lose = (error: unknown): void => {
    isLost = true;
    client.connection.stream.destroy(silent());
    lost.reject(error);
  };
  const onAbort = (): void => {
    afterAbort = setTimeout(() => lose(signal?.reason), answerAfterAbortMs);
  };
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const heard = (): void => clearTimeout(silence);
  return {
    /** Rejects when the connection was closed. */
    lost: lost.promise,
    isLost: () => isLost,
    /** The server must do something now. */
    await: (): void => {
      heard();
      if (silenceMs !== undefined) silence = setTimeout(() => lose(silent()), silenceMs);
    },
    heard,
    end: (): void => {
      heard();
      clearTimeout(afterAbort);
      signal?.removeEventListener('abort', onAbort);
    },
  };
};

/**
 * Runs `COPY ... FROM STDIN`.
 * @param rows the bytes of the rows in the format that `statement` names. A buffer may begin and end anywhere within a row
 * @returns the number of stored rows. An error of `rows` is returned, not thrown
 * @throws the error of the server or of the connection, `Query read timeout` after `silenceMs`, or the reason of `signal`; after the
 * last two the connection is closed
 */
export const copyRows = async (
  client: Client,
  statement: string,
  rows: AsyncIterable<Buffer>,
  limits: CopyLimits = {},
): Promise<CopyResult> => {
  let failure: CopyResult['failure'];
  const server = createServerWatch(client, limits);
  const source = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const block of rows) {
        server.await();
        yield block;
        server.heard();
      }
    } catch (error) {
      failure = { error };
      // The server writes this message to its log, so the error itself must not be in it.
      throw new Error('the rows could not be read', { cause: error });
    } finally {
      server.await();
    }
  };
  const stream = client.query(copyFrom(statement));
  try {
    await Promise.race([pipeline(source, stream), server.lost]);
  } catch (error) {
    if (failure && !server.isLost()) return { rows: 0, failure };
    throw error;
  } finally {
    server.end();
  }
  return { rows: stream.rowCount };
};
