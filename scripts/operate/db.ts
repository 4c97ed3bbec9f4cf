/**
 * Manages the schema: `npm run db:migrate`, `db:rollback` (one step), `db:verify` (no migration is pending, and the
 * entities match the tables), `db:export` and `db:import` (all data in a file). `db:migrate -- --service-role NAME` then
 * grants that role its rights on the tables. The command uses DATABASE_URL. Without it, outside production, it uses the local embedded database.
 */
import { parseArgs } from 'node:util';
import type { Database } from '#src/database/database.ts';
import { runOnCommandLine, UsageError } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';
import { grantServiceRole } from './service-role.ts';

type Options = { readonly serviceRole: string | undefined; readonly withoutJobs: boolean };
type Command = {
  /** Number of words that follow the name. */
  readonly words: 0 | 1;
  readonly run: (database: Database, options: Options, file: string) => Promise<number>;
};

const migrate: Command = {
  words: 0,
  run: async (database, { serviceRole }) => {
    const ran = await database.migrator.up();
    console.log(ran.length === 0 ? 'Nothing to migrate' : `Migrated: ${ran.join(', ')}`);
    if (serviceRole !== undefined) {
      await grantServiceRole(database, serviceRole);
      console.log(`The role ${serviceRole} has its rights on the tables`);
    }
    return 0;
  },
};

const rollback: Command = {
  words: 0,
  run: async ({ migrator }) => {
    const undone = await migrator.down();
    console.log(undone === undefined ? 'Nothing to roll back' : `Rolled back: ${undone}`);
    return 0;
  },
};

const verify: Command = {
  words: 0,
  run: async ({ migrator, drift: compare }) => {
    const pending = await migrator.pending();
    const drift = await compare();
    if (pending.length > 0) console.error(`Pending: ${pending.join(', ')}`);
    if (drift !== '') console.error(`The entities want:\n${drift}`);
    if (pending.length > 0 || drift !== '') return 1;
    console.log('Schema and entities agree');
    return 0;
  },
};

const summary = (counts: Readonly<Record<string, number>>): string => {
  const filled = Object.entries(counts).filter(([, rows]) => rows > 0);
  const rows = filled.reduce((sum, [, count]) => sum + count, 0);
  return `${rows} rows of ${filled.length} tables`;
};

const exportData: Command = {
  words: 1,
  run: async ({ transfer }, options, file) => {
    console.log(`Exported ${summary(await transfer.exportTo(file, options))} to ${file}`);
    return 0;
  },
};

const importData: Command = {
  words: 1,
  run: async ({ migrator, transfer }, _options, file) => {
    await migrator.up();
    console.log(`Imported ${summary(await transfer.importFrom(file))} from ${file}`);
    return 0;
  },
};

const commands = new Map([
  ['migrate', migrate],
  ['rollback', rollback],
  ['verify', verify],
  ['export', exportData],
  ['import', importData],
]);
const usage = `usage: npm run db:migrate [-- --service-role NAME]
       npm run db:rollback
       npm run db:verify
       npm run db:export -- FILE [--without-jobs]
       npm run db:import -- FILE`;

await runOnCommandLine(usage, async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'service-role': { type: 'string' }, 'without-jobs': { type: 'boolean' } },
  });
  const [name = '', ...rest] = positionals;
  const command = commands.get(name);
  const serviceRole = values['service-role'];
  const withoutJobs = values['without-jobs'] ?? false;
  if (!command || rest.length > command.words) throw new UsageError(`not understood: ${positionals.join(' ')}`);
  if (rest.length < command.words) throw new UsageError(`${name} needs the name of a file`);
  if (serviceRole === '') throw new UsageError('--service-role needs the name of a role');
  if (serviceRole !== undefined && command !== migrate) throw new UsageError(`${name} takes no --service-role`);
  if (withoutJobs && command !== exportData) throw new UsageError(`${name} takes no --without-jobs`);
  return withDatabase('volwatch-db', (database) => command.run(database, { serviceRole, withoutJobs }, rest[0] ?? ''));
});
