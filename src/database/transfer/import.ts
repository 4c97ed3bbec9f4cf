import { escapeIdentifier, type Client } from 'pg';
import { copyRows } from '../wire/copy-rows.ts';
import { inOwnTransaction, withOwnClient } from '../own-client.ts';
import type { TransferDeps } from './export.ts';
import { columnsOf, ExportFileError, readExport, type ExportBlock, type RowCounts } from './export-file.ts';
import { appliedMigrations, storedTables, type StoredTable } from './tables.ts';

/** @throws Error that says which version to use, if the schema of the export is not the schema of this version */
const checkVersion = (exported: readonly string[], known: readonly string[]): void => {
  const unknown = exported.filter((name) => !known.includes(name));
  const missing = known.filter((name) => !exported.includes(name));
  if (unknown.length > 0) {
    throw new Error(`The export is of a newer version (${unknown.join(', ')}): import it with that version`);
  }
  if (missing.length > 0) {
    throw new Error(
      `The export is of an older version (without ${missing.join(', ')}): run npm run db:migrate with this version where it was made, and export again`,
    );
  }
};

/** Blocks all writers until the transaction ends, so that no running service adds rows. @throws Error */
const checkEmpty = async (client: Client, tables: readonly StoredTable[]): Promise<void> => {
  const names = tables.map(({ name }) => escapeIdentifier(name));
  await client.query(`lock table ${names.join(', ')} in share row exclusive mode`);
  const filled: string[] = [];
  for (const name of names) {
    const { rows } = await client.query<{ filled: boolean }>(`select exists (select from ${name}) as filled`);
    if (rows[0]?.filled) filled.push(name.slice(1, -1));
  }
  if (filled.length === 0) return;
  throw new Error(
    `The database has rows already (${filled.join(', ')}): import into a database in which no service was started yet`,
  );
};

const importBlock = async (client: Client, block: ExportBlock, tables: readonly StoredTable[]): Promise<number> => {
  const table = tables.find(({ name }) => name === block.table);
  const unknown = block.columns.filter((name) => !table?.columns.includes(name));
  if (!table || unknown.length > 0) {
    throw new ExportFileError(`The export has an unknown table or column: ${block.table} ${unknown.join(', ')}`.trim());
  }
  const statement = `copy ${escapeIdentifier(table.name)} (${columnsOf(block.columns)}) from stdin`;
  const { rows, failure } = await copyRows(client, statement, block.rows);
  if (failure) throw failure.error;
  return rows;
};

/** The next value of each sequence comes after the highest value of its column. */
const moveSequences = async (client: Client, tables: readonly StoredTable[]): Promise<void> => {
  for (const { name, serials } of tables) {
    for (const column of serials) {
      const highest = `(select max(${escapeIdentifier(column)}) from ${escapeIdentifier(name)})`;
      const sequence = `pg_get_serial_sequence(quote_ident($1), $2)`;
      await client.query(`select setval(${sequence}, coalesce(${highest}, 1), ${highest} is not null)`, [name, column]);
    }
  }
};

/**
 * Writes an export into a database that is migrated and empty, in one transaction.
 * @throws Error with what to do, ExportFileError; then the database is unchanged
 */
export const importLines = (deps: TransferDeps, lines: AsyncIterable<Buffer>): Promise<RowCounts> =>
  withOwnClient(deps, {}, (client) =>
    inOwnTransaction(client, deps, 'read committed', async () => {
      const { head, blocks, counts } = await readExport(lines);
      checkVersion(head.migrations, await appliedMigrations(client));
      const tables = await storedTables(client, deps.tables);
      await checkEmpty(client, tables);
      const imported: Record<string, number> = {};
      for await (const block of blocks) imported[block.table] = await importBlock(client, block, tables);
      for (const [name, rows] of Object.entries(counts())) {
        if (imported[name] !== rows) {
          throw new ExportFileError(
            `The export has ${imported[name] ?? 0} of ${rows} rows of ${name}: it is incomplete`,
          );
        }
      }
      await moveSequences(client, tables);
      return imported;
    }),
  );
