import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type ServerConnectionsDeps = { readonly reader: Reader; readonly metrics: Metrics };

/** `pg_stat_database` counts the connections of all programs, and every role can read it, unlike `pg_stat_activity`. */
const connectionsSql = `
  select (select coalesce(sum(numbackends), 0) from pg_catalog.pg_stat_database where datid <> 0)::int as used,
    pg_catalog.current_setting('max_connections')::int
      - pg_catalog.current_setting('superuser_reserved_connections')::int as max`;

/**
 * Returns a collector that sets how many connections the server has and how many it can have. The exporter of PostgreSQL
 * shows the same, but not every deployment has one, and behind a pooler only the server knows.
 */
export const createServerConnections =
  ({ reader, metrics }: ServerConnectionsDeps): (() => Promise<void>) =>
  async () => {
    const [row] = await reader.query<{ used: number; max: number }>(connectionsSql);
    if (!row) return;
    metrics.set('volwatch_db_server_connections', { state: 'used' }, row.used);
    metrics.set('volwatch_db_server_connections', { state: 'max' }, row.max);
  };
