import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { Migration } from './migrations/migration.ts';

export type SchemaCheck = {
  /** Compares the database with the migrations and entities of this version; logs what is new. @returns what is behind */
  readonly verify: () => Promise<readonly string[]>;
  /** As last seen; looked at again, now and then, while something is behind. */
  readonly behind: () => readonly string[];
};

type Table = { readonly name: string; readonly columns: readonly string[] };

export type SchemaCheckDependencies = {
  readonly query: Query;
  readonly migrations: readonly Migration[];
  readonly tables: readonly Table[];
  readonly logger: Logger;
  readonly clock: Clock;
};

const lookAgainMs = 5_000;
const columnsSql = `
  select table_name as table, array_agg(column_name::text) as columns from information_schema.columns
  where table_schema = current_schema() group by table_name`;

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
 * A schema that is behind costs the features that need what is missing (503 `database_schema_outdated`), not the
 * process: new code may run before its migration, as old code runs after it.
 */
export const createSchemaCheck = ({
  query,
  migrations,
  tables,
  logger,
  clock,
}: SchemaCheckDependencies): SchemaCheck => {
  let known: readonly string[] = [];
  let lookedAt = -Infinity;

  const look = async (): Promise<readonly string[]> => {
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
    return [...pending, ...missing];
  };

  const verify = async (): Promise<readonly string[]> => {
    lookedAt = clock.monotonic();
    const behind = await look();
    if (behind.join() !== known.join()) {
      if (behind.length > 0) logger.warn({ missing: behind }, 'the database schema is behind this version');
      else logger.info({}, 'the database schema is what this version needs');
    }
    known = behind;
    return behind;
  };

  return {
    verify,
    behind: () => {
      if (known.length > 0 && clock.monotonic() - lookedAt > lookAgainMs) void verify().catch(() => {});
      return known;
    },
  };
};
