import type { TestDatabase } from '#testkit/database.ts';

/** Number of rows and digest of all rows by table of the service. */
export const contentOf = async ({ query }: TestDatabase): Promise<Readonly<Record<string, unknown>>> => {
  const tables = await query(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> 'schema_migrations'`,
  );
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const [row] = await query(
      `select count(*)::int as rows, md5(coalesce(string_agg(each::text, '|' order by each::text collate "C"), '')) as digest
       from "${String(name)}" as each`,
    );
    content[String(name)] = row;
  }
  return content;
};
