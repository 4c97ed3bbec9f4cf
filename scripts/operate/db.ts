/**
 * Manages the schema: `npm run db:migrate`, `db:rollback` (one step), `db:verify` (no migration is pending, and the
 * entities match the tables). `db:migrate -- --service-role NAME` then grants that role its rights on the tables. The
 * command uses DATABASE_URL. Without it, outside production, it uses the local embedded database.
 */
import { parseArgs } from 'node:util';
import type { Database } from '#src/database/database.ts';
import { runOnCommandLine, UsageError } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';
import { grantServiceRole } from './service-role.ts';

type Command = (database: Database, serviceRole: string | undefined) => Promise<number>;

const migrate: Command = async (database, serviceRole) => {
  const ran = await database.migrator.up();
  console.log(ran.length === 0 ? 'Nothing to migrate' : `Migrated: ${ran.join(', ')}`);
  if (serviceRole !== undefined) {
    await grantServiceRole(database, serviceRole);
    console.log(`The role ${serviceRole} has its rights on the tables`);
  }
  return 0;
};

const rollback: Command = async ({ migrator }) => {
  const undone = await migrator.down();
  console.log(undone === undefined ? 'Nothing to roll back' : `Rolled back: ${undone}`);
  return 0;
};

const verify: Command = async ({ migrator, drift: compare }) => {
  const pending = await migrator.pending();
  const drift = await compare();
  if (pending.length > 0) console.error(`Pending: ${pending.join(', ')}`);
  if (drift !== '') console.error(`The entities want:\n${drift}`);
  if (pending.length > 0 || drift !== '') return 1;
  console.log('Schema and entities agree');
  return 0;
};

const commands = new Map([
  ['migrate', migrate],
  ['rollback', rollback],
  ['verify', verify],
]);
const usage = `usage: npm run db:migrate [-- --service-role NAME]
       npm run db:rollback
       npm run db:verify`;

await runOnCommandLine(usage, async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'service-role': { type: 'string' } },
  });
  const [name = '', ...rest] = positionals;
  const command = commands.get(name);
  const serviceRole = values['service-role'];
  if (!command || rest.length > 0) throw new UsageError(`not understood: ${positionals.join(' ')}`);
  if (serviceRole === '') throw new UsageError('--service-role needs the name of a role');
  if (serviceRole !== undefined && command !== migrate) throw new UsageError(`${name} takes no --service-role`);
  return withDatabase('volwatch-db', (database) => command(database, serviceRole));
});
