import { tableBounds } from '#src/compose/data/table-bounds.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import { scrape } from '../chaos/scrape.ts';
import type { World } from '../chaos/world.ts';
import { sampleProcesses, type ProcessSample } from './processes.ts';

export type TableSample = { readonly rows: number; readonly tableBytes: number; readonly indexBytes: number };

export type Sample = ProcessSample & {
  /** Seconds since the start of the run. */
  readonly at: number;
  /** Of the main process. */
  readonly heapBytes: number;
  readonly connections: number;
  readonly redisKeys: number;
  readonly redisBytes: number;
  readonly tables: Readonly<Record<string, TableSample>>;
};

// SQL: sizes come from the catalogue, and the exact rows of small tables.
const sizesSql = Object.keys(tableBounds)
  .map((name) =>
    name === 'pgboss'
      ? `select 'pgboss' as name, (select count(*) from pgboss.job) as rows, sum(pg_table_size(oid)) as "tableBytes",
          sum(pg_indexes_size(oid)) as "indexBytes"
         from pg_class where relkind = 'r' and relnamespace = 'pgboss'::regnamespace`
      : `select '${name}', (select count(*) from ${name}), pg_table_size('${name}'), pg_indexes_size('${name}')`,
  )
  .toSorted((one, other) => Number(other.includes(' as name')) - Number(one.includes(' as name')))
  .join(' union all ');
const connectionsSql = `select count(*) as connections from pg_stat_activity
  where backend_type = 'client backend' and application_name like 'volwatch%'`;

const readTables = async (databaseUrl: string): Promise<Sample['tables']> => {
  const rows = await statementOn(databaseUrl, sizesSql);
  return Object.fromEntries(
    rows.map(({ name, ...figures }) => [
      String(name),
      Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number(value)])) as TableSample,
    ]),
  );
};

/** One sample of everything that must stay flat. @throws Error while a fault keeps a part from answering */
export const takeSample = async (world: World, startedAt: number): Promise<Sample> => {
  const tables = await readTables(world.databaseUrl);
  const [counted] = await statementOn(world.databaseUrl, connectionsSql);
  const metrics = await scrape(world.adminUrl);
  const memory = await world.redis.admin.info('memory');
  return {
    at: (performance.now() - startedAt) / 1_000,
    ...sampleProcesses(world.service().pid),
    heapBytes: metrics.sum('nodejs_heap_size_used_bytes'),
    connections: Number(counted?.['connections']),
    redisKeys: await world.redis.admin.dbsize(),
    redisBytes: Number(/used_memory:(\d+)/.exec(memory)?.[1]),
    tables,
  };
};
