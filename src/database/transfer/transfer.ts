import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { exportLines, type ExportOptions, type TransferDeps } from './export.ts';
import { ExportFileError, type RowCounts } from './export-file.ts';
import { importLines } from './import.ts';

export type Transfer = {
  /**
   * Writes all rows of the service in one snapshot to a new file, which only its owner can read.
   * @returns the number of rows by table
   * @throws Error if the file exists or jobs wait, AppError of category database; then there is no file
   */
  readonly exportTo: (file: string, options: ExportOptions) => Promise<RowCounts>;
  /**
   * Writes an export into an empty database that has all migrations, in one transaction.
   * @returns the number of rows by table
   * @throws Error with what to do; then the database is unchanged
   */
  readonly importFrom: (file: string) => Promise<RowCounts>;
};

const isZlibError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');

/** Moves the data of the service between databases. No program of PostgreSQL is needed, and versions can differ. */
export const createTransfer = (deps: TransferDeps): Transfer => ({
  exportTo: async (file, options) => {
    const partial = `${file}.partial`;
    // The file has digests of passwords and tokens.
    const target = await open(file, 'wx', 0o600);
    await target.close();
    try {
      const counts = await exportLines(deps, options, async (lines) => {
        const handle = await open(partial, 'w', 0o600);
        await pipeline(lines, createGzip({ level: 6 }), handle.createWriteStream({ flush: true }));
      });
      await rename(partial, file);
      return counts;
    } catch (error) {
      await rm(partial, { force: true });
      await rm(file, { force: true });
      throw error;
    }
  },
  importFrom: async (file) => {
    const gunzip = createGunzip();
    // Nothing listens after the pipeline has ended and before `importLines` reads, and an error at that time would end the process.
    // `importLines` gets the same error when it reads.
    gunzip.on('error', () => {});
    const reading = pipeline(createReadStream(file), gunzip, { end: true });
    // `importLines` sees the same error, and the promise must have a handler before that.
    reading.catch(() => {});
    try {
      return await importLines(deps, gunzip);
    } catch (error) {
      if (isZlibError(error)) {
        throw new ExportFileError('The file is not an export of Volwatch, or it is damaged', { cause: error });
      }
      throw error;
    } finally {
      gunzip.destroy();
      await reading.catch(() => {});
    }
  },
});
