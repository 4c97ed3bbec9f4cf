/**
 * Manages the schema: `npm run db:migrate`, `db:rollback` (one step), `db:verify` (no migration is pending, and the
 * entities match the tables). The command uses DATABASE_URL. Without it, outside production, it uses the local embedded
 * database.
 */
import type { Database } from '#src/database/database.ts';
import { withDatabase } from '../support/with-database.ts';

const migrate = async ({ migrator }: Database): Promise<number> => {
  const ran = await migrator.up();
  console.log(ran.length === 0 ? 'Nothing to migrate' : `Migrated: ${ran.join(', ')}`);
  return 0;
};

const rollback = async ({ migrator }: Database): Promise<number> => {
  const undone = await migrator.down();
  console.log(undone === undefined ? 'Nothing to roll back' : `Rolled back: ${undone}`);
  return 0;
};

const verify = async ({ migrator, drift: compare }: Database): Promise<number> => {
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

try {
  const command = commands.get(process.argv[2] ?? '');
  if (!command) console.error(`usage: node scripts/operate/db.ts ${[...commands.keys()].join('|')}`);
  process.exitCode = command ? await withDatabase('volwatch-db', command) : 64;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
