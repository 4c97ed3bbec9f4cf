import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

test('a transaction with two names runs neither beside those of the first name nor beside those of the second', async (t) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => database.close());
  const running = new Set<string>();
  const together: string[] = [];
  const run = (label: string, alone: string | readonly string[]) =>
    database.unitOfWork.run({ operation: 'account.email', alone }, async ({ query }) => {
      running.add(label);
      await query('select pg_backend_pid()');
      await nextTurn();
      together.push([...running].toSorted((a, b) => a.localeCompare(b)).join(' '));
      running.delete(label);
    });
  await Promise.all([
    run('account', 'account 1'),
    run('address', 'address a'),
    run('both', ['account 1', 'address a']),
    run('both again', ['account 1', 'address a']),
    run('address again', 'address a'),
  ]);
  t.is(together.length, 5);
  const broken = together.filter((labels) => labels.includes('both') && labels !== 'both' && labels !== 'both again');
  t.deepEqual(broken, []);
});
