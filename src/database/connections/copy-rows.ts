import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** The number of rows, or the error of the source, after which the server has taken no row. */
export type CopyResult = { readonly rows: number; readonly failure?: { readonly error: unknown } };

/** Runs `COPY ... FROM STDIN`. @throws the error of the server or of the connection */
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
