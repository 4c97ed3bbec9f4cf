import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { topStatements } from '#src/database/statements/statement-statistics.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { sqlWithoutLiterals } from '#src/telemetry/tracing/sql-text.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const operation = 'refresh.apply';
const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);

test('serverless: settings, limits and locks are in transactions, also for a single read', async (t) => {
  const { url, query } = await setupDatabase(t);
  const settings = {
    ...databaseSettings(url),
    sessionless: true,
    statementTimeoutMs: 300,
    idleInTransactionTimeoutMs: 400,
  };
  const [first, second] = await Promise.all([createDatabase(settings), createDatabase(settings)]);
  t.teardown(async () => {
    await first.close();
    await second.close();
  });
  const show = `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`;
  const limits = [{ statement: '300ms', idle: '400ms' }];
  t.deepEqual(await first.reader.query(show), limits);
  t.deepEqual(await first.unitOfWork.run({ operation }, ({ query: run }) => run(show)), limits);
  t.is(
    await outcome(first.unitOfWork.run({ operation }, ({ query: run }) => run('select pg_sleep(5)'))),
    'database_timeout',
  );
  t.is(await outcome(first.reader.query('select pg_sleep(5)')), 'database_timeout', 'the server ends a read too');

  const held = await first.lock.tryWith('refresh:tech5', async () => {
    // Longer than the idle timeout of 400 ms, which must not end the transaction of the lock.
    await sleep(800);
    const session = await query(
      `select 1 from pg_locks join pg_database on pg_database.oid = database
       where datname = current_database() and locktype = 'advisory' and granted`,
    );
    t.is(session.length, 1, 'longer than a transaction may be idle otherwise');
    t.is(await second.lock.tryWith('refresh:tech5', async () => 'both'), undefined);
    return 'held';
  });
  t.deepEqual(held, { value: 'held' });
  t.deepEqual(await second.lock.tryWith('refresh:tech5', async () => 'free'), { value: 'free' });
  await first.lock.tryWith('refresh:tech5', async (release) => {
    await release();
    t.deepEqual(await second.lock.tryWith('refresh:tech5', async () => 'released'), { value: 'released' });
  });
});

test('slow statements are logged without literals, and the statements with the highest cost are listed', async (t) => {
  const { url, query } = await setupDatabase(t);
  const lines: LogFields[] = [];
  const database = await createDatabase({
    ...databaseSettings(url),
    logger: { ...silentLogger, warn: (fields) => void lines.push(fields) },
    slow: { afterMs: 150, describe: sqlWithoutLiterals },
  });
  t.teardown(() => database.close());
  await database.reader.query(`select 'canary', pg_sleep(0.2)`);
  await database.reader.query('select 1');
  t.like(lines, [{ pool: 'primary', statement: 'select ?, pg_sleep(?)' }]);
  t.true(Number(lines[0]?.['duration_ms']) >= 150);

  t.is(await outcome(topStatements(database.reader, { order: 'total', limit: 5 })), 'database_schema_outdated');
  await query('create extension pg_stat_statements');
  await database.reader.query(`select 'canary', pg_sleep(0.2)`);
  const top = await topStatements(database.reader, { order: 'mean', limit: 5 });
  t.true(top.length > 0 && top.length <= 5);
  t.like(top[0], { query: 'select $1, pg_sleep($2)', calls: 2, rows: 2 });
  t.true(top[0]!.mean_ms >= 200 && top[0]!.total_ms >= 400);
});
