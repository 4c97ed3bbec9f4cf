import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type TableSizesDeps = {
  readonly reader: Reader;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Names of tables, and of schemas of libraries whose tables are counted together. */
  readonly names: readonly string[];
};

/** PostgreSQL reads the size of each table from the file system, so this does not run at every scrape. */
const minIntervalMs = 60_000;

/** A table that was never analysed has no estimate: it counts as 0 rows. */
const sizesSql = `
  select case when nspname = current_schema() then relname else nspname end as name,
    sum(greatest(reltuples, 0))::bigint as row_count, sum(pg_total_relation_size(class.oid))::bigint as bytes
  from pg_class class join pg_namespace namespace on namespace.oid = relnamespace
  where relkind = 'r' and (nspname = current_schema() and relname = any($1) or nspname = any($1))
  group by 1`;

/** Returns a collector that sets the gauges of all tables, at most once a minute. */
export const createTableSizes = ({ reader, metrics, clock, names }: TableSizesDeps): (() => Promise<void>) => {
  let readAt = -Infinity;
  return async () => {
    if (clock.monotonic() - readAt < minIntervalMs) return;
    readAt = clock.monotonic();
    const sizes = await reader.query<{ name: string; row_count: number; bytes: number }>(sizesSql, [names]);
    const series = (of: 'row_count' | 'bytes') =>
      sizes.map((size) => ({ labels: { table: size.name }, value: size[of] }));
    metrics.replace('volwatch_table_rows', series('row_count'));
    metrics.replace('volwatch_table_bytes', series('bytes'));
  };
};
