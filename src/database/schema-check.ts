import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { MeasureMaintenance } from './maintenance.ts';
import type { Migration } from './migrations/migration.ts';

export type SchemaCheck = {
  /**
   * Compares the database with the migrations and entities of this version and with the rights that it needs, and logs changes.
   * @returns what is missing
   */
  readonly verify: () => Promise<readonly string[]>;
  /** What was missing at the last check. While something is missing, the check is repeated in the background. */
  readonly missing: () => readonly string[];
};

type Table = { readonly name: string; readonly columns: readonly string[] };

export type SchemaCheckDeps = {
  readonly query: Query;
  readonly migrations: readonly Migration[];
  readonly tables: readonly Table[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly measure: MeasureMaintenance;
};

const recheckMs = 5_000;
const columnsSql = `
  select table_name as table, array_agg(column_name::text) as columns from information_schema.columns
  where table_schema = current_schema() group by table_name`;
/** The ids of these sequences begin anew, and the service then sets their position. A role that does not own them needs both rights. */
const lockedSequencesSql = `
  select relname as name from pg_sequence join pg_class on oid = seqrelid
  where seqcycle and relnamespace = quote_ident(current_schema())::regnamespace
    and not (has_sequence_privilege(seqrelid, 'select') and has_sequence_privilege(seqrelid, 'update'))
  order by relname`;

/** An interrupted `create index concurrently` leaves such an index. Statements do not use it, and `create index if not exists` takes it for a present one. */
const invalidIndexesSql = `
  select relname as name from pg_index join pg_class on oid = indexrelid
  where not indisvalid and relnamespace = quote_ident(current_schema())::regnamespace order by relname`;

/** The tables and columns that the entities expect. */
export const tablesOf = (
  entities: Iterable<{
    readonly tableName: string;
    readonly props: readonly { readonly fieldNames?: readonly string[] }[];
  }>,
): readonly Table[] =>
  [...entities].map(({ tableName, props }) => ({
    name: tableName,
    columns: props.flatMap(({ fieldNames }) => fieldNames ?? []),
  }));

/**
 * Finds an outdated schema. Then only the features that need the missing parts fail (503 `database_schema_outdated`);
 * the process starts, because new code may run before its migration, and old code after it.
 */
export const createSchemaCheck = ({
  query,
  migrations,
  tables,
  logger,
  clock,
  measure,
}: SchemaCheckDeps): SchemaCheck => {
  let known: readonly string[] = [];
  let checkedAt = -Infinity;

  const findMissing = async (): Promise<readonly string[]> => {
    const rows = await query<{ table: string; columns: string[] }>(columnsSql);
    const found = new Map(rows.map(({ table, columns }) => [table, new Set(columns)]));
    const done = found.has('schema_migrations')
      ? new Set((await query<{ name: string }>('select name from schema_migrations')).map(({ name }) => name))
      : new Set();
    const pending = migrations.filter(({ name }) => !done.has(name)).map(({ name }) => `migration ${name}`);
    const missing = tables.flatMap(({ name, columns }) => {
      const present = found.get(name);
      if (!present) return [`table ${name}`];
      return columns.filter((column) => !present.has(column)).map((column) => `column ${name}.${column}`);
    });
    const locked = await query<{ name: string }>(lockedSequencesSql);
    const rights = locked.map(
      ({ name }) => `grant select, update on sequence ${name} (deploy/postgres/service-role.sql)`,
    );
    const invalid = await query<{ name: string }>(invalidIndexesSql);
    const indexes = invalid.map(
      ({ name }) => `valid index ${name} (unless it is being built, drop it and build it again: docs/database.md)`,
    );
    return [...pending, ...missing, ...rights, ...indexes];
  };

  const verify = async (): Promise<readonly string[]> => {
    checkedAt = clock.monotonic();
    const missing = await measure('check_schema', findMissing);
    if (missing.join() !== known.join()) {
      if (missing.length > 0) logger.warn({ missing }, 'the database schema is behind this version');
      else logger.info({}, 'the database schema is what this version needs');
    }
    known = missing;
    return missing;
  };

  return {
    verify,
    missing: () => {
      if (known.length > 0 && clock.monotonic() - checkedAt > recheckMs) void verify().catch(() => {});
      return known;
    },
  };
};
