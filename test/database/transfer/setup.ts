import { execFile } from 'node:child_process';
import type { TestDatabase } from '#testkit/database.ts';

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a command for operators, for example `db.ts export FILE`, on a database. */
export const operate = (url: string, script: string, ...words: readonly string[]): Promise<Ran> =>
  new Promise((done) => {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, NODE_COMPILE_CACHE, NODE_ENV: 'test', DATABASE_URL: url };
    execFile(process.execPath, [`scripts/operate/${script}`, ...words], { env }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });

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
