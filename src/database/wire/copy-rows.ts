import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/**
 * The number of stored rows. If reading `rows` fails: `failure`, and 0 rows, because the server discards the whole COPY. The error
 * is a member of `failure`, because every value can be thrown, also undefined.
 */
export type CopyResult = { readonly rows: number; readonly failure?: { readonly error: unknown } };

/**
 * Runs `COPY ... FROM STDIN`.
 * @param rows the bytes of the rows in the format that `statement` names. A buffer may begin and end anywhere within a row
 * @returns the number of stored rows. An error of `rows` is returned, not thrown
 * @throws the error of the server or of the connection
 */
export const copyRows = async (
  client: ClientBase,
  statement: string,
  rows: AsyncIterable<Buffer>,
): Promise<CopyResult> => {
  let failure: CopyResult['failure'];
  const source = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* rows;
    } catch (error) {
      failure = { error };
      // The server writes this message to its log, so the error itself must not be in it.
      throw new Error('the rows could not be read', { cause: error });
    }
  };
  const stream = client.query(copyFrom(statement));
  try {
    await pipeline(source, stream);
  } catch (error) {
    if (failure) return { rows: 0, failure };
    throw error;
  }
  return { rows: stream.rowCount };
};
