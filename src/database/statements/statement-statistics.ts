import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type StatementStatistics = {
  /** The statement as PostgreSQL normalises it: constants are replaced by `$1`, `$2`. */
  readonly query: string;
  readonly calls: number;
  readonly total_ms: number;
  readonly mean_ms: number;
  readonly max_ms: number;
  readonly rows: number;
  /** Share of the blocks that were in memory; null if no block was read. */
  readonly cache_hit_ratio: number | null;
};

const orders = { total: 'total_exec_time', mean: 'mean_exec_time', calls: 'calls' } as const;
export type StatementOrder = keyof typeof orders;
export const isStatementOrder = (name: string): name is StatementOrder => Object.hasOwn(orders, name);

/**
 * The statements of this database with the highest cost by `order`, from pg_stat_statements.
 * @param limit max number of statements
 * @throws AppError `database_schema_outdated` if the extension is not installed, or of category database
 */
export const topStatements = async (
  reader: Reader,
  { order, limit }: { readonly order: StatementOrder; readonly limit: number },
): Promise<readonly StatementStatistics[]> => {
  const [installed] = await reader.query(`select 1 from pg_extension where extname = 'pg_stat_statements'`);
  if (!installed) {
    throw new AppError('database_schema_outdated', 'The extension pg_stat_statements is not installed');
  }
  return reader.query<StatementStatistics>(
    `select left(query, 2000) as query, calls, total_exec_time as total_ms, mean_exec_time as mean_ms,
       max_exec_time as max_ms, rows,
       shared_blks_hit::float8 / nullif(shared_blks_hit + shared_blks_read, 0) as cache_hit_ratio
     from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
     order by ${orders[order]} desc limit $1`,
    [limit],
  );
};
