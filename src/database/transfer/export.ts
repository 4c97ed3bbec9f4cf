import { to as copyTo } from 'pg-copy-streams';
import { escapeIdentifier, type Client } from 'pg';
import { inOwnTransaction, withOwnClient, type OwnClientDeps } from '../own-client.ts';
import { blockLine, columnsOf, endLine, endOfRowsLine, headLine, type RowCounts } from './export-file.ts';
import { appliedMigrations, storedTables } from './tables.ts';

export type TransferDeps = OwnClientDeps & {
  /** The tables of the service. Other tables of the schema are not exported. */
  readonly tables: Iterable<string>;
  /** Names of the migrations that this version has. */
  readonly migrations: readonly string[];
};

export type ExportOptions = {
  /** Exports even if jobs of the queue wait or run. They are not part of the export. */
  readonly withoutJobs: boolean;
};

/** Their jobs are made again by the service after its start, from rows that are part of the export or from schedules. */
const remadeQueues = ['retention', 'mail', 'calendar', 'quality', 'index_values', 'lost_jobs', 'removal', 'dead'];
const waitingSql = `
  select name, count(*)::int as jobs from pgboss.job
  where state < 'completed' and not name = any($1) group by name order by name`;

/** The queue can belong to another role than the tables. */
const readableSql = `
  select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'pgboss' and c.relname = 'job'`;

/** @throws Error with the queues that have jobs */
const checkQueues = async (client: Client): Promise<void> => {
  const { rows: queues } = await client.query<{ readable: boolean }>(readableSql);
  if (queues.length === 0) return;
  if (!queues[0]!.readable) {
    throw new Error(
      'The role cannot read the job queue (schema pgboss): export with the role of the service or a member of pg_read_all_data, or add --without-jobs',
    );
  }
  const { rows } = await client.query<{ name: string; jobs: number }>(waitingSql, [remadeQueues]);
  if (rows.length === 0) return;
  const waiting = rows.map(({ name, jobs }) => `${jobs} of ${name}`).join(', ');
  throw new Error(
    `Jobs wait or run: ${waiting}. An export has no jobs: let the service finish them, or add --without-jobs`,
  );
};

/** The lines of an export, for `Readable.from`. All tables are read in one snapshot. */
export const exportLines = async (
  deps: TransferDeps,
  { withoutJobs }: ExportOptions,
  write: (lines: AsyncIterable<Buffer | string>) => Promise<void>,
): Promise<RowCounts> => {
  const counts: Record<string, number> = {};
  await withOwnClient(deps, {}, (client) =>
    inOwnTransaction(client, deps, 'repeatable read read only', async () => {
      if (!withoutJobs) await checkQueues(client);
      const migrations = await appliedMigrations(client);
      const tables = await storedTables(client, deps.tables);
      await write(
        (async function* () {
          yield headLine({ format: 1, exported_at: new Date().toISOString(), migrations });
          for (const { name, columns } of tables) {
            yield blockLine(name, columns);
            const rows = client.query(
              copyTo(`copy (select ${columnsOf(columns)} from ${escapeIdentifier(name)}) to stdout`),
            );
            yield* rows as AsyncIterable<Buffer>;
            counts[name] = rows.rowCount;
            yield endOfRowsLine;
          }
          yield endLine(counts);
        })(),
      );
    }),
  );
  return counts;
};
