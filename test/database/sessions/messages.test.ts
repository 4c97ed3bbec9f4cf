import test, { type ExecutionContext } from 'ava';
import { createDatabase, type Database, type DatabaseDeps } from '#src/database/database.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { statementOn } from '#testkit/servers/replica.ts';

const operation = 'refresh.apply';
const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);

/** A server whose messages are German. The locale needs no generation: its name only decides that texts are translated. */
const setupGerman = async (
  t: ExecutionContext,
  overrides: Partial<DatabaseDeps> = {},
): Promise<Database & { url: string }> => {
  const { url } = await startOwnPostgres(t, {
    programs: 'system',
    settings: { lc_messages: 'C.UTF-8' },
    environment: { LANGUAGE: 'de' },
  });
  await statementOn(url, 'create table account (id int primary key, balance int not null check (balance >= 0))');
  const database = await createDatabase({ ...databaseSettings(url), poolMax: 1, ...overrides });
  t.teardown(() => database.close());
  return { ...database, url };
};

const pidOf = async (database: Database): Promise<unknown> =>
  (await database.reader.query('select pg_backend_pid() as pid'))[0]?.['pid'];

test('a statement that a server with German messages refuses does not cost a connection', async (t) => {
  const database = await setupGerman(t);
  const error = await t.throwsAsync(database.reader.query('select 1 / 0'));
  t.like(error, { severity: 'FEHLER', message: 'Division durch Null' }, 'the messages are translated');
  const pid = await pidOf(database);
  for (const [statement, code] of [
    ['select 1 from not_there', 'database_schema_outdated'],
    ['select not_there from account', 'database_schema_outdated'],
    ['insert into account values (1, -1)', 'internal_error'],
    ['insert into account values (1, 1), (1, 1)', 'internal_error'],
    [`select '0000-00-00'::date`, 'validation_failed'],
    ['not a statement', 'internal_error'],
  ] as const) {
    t.is(await outcome(database.reader.query(statement)), code, statement);
    t.is(await outcome(database.unitOfWork.run({ operation }, ({ query }) => query(statement))), code, statement);
    t.is(await pidOf(database), pid, `${statement}: the same connection`);
  }
  await t.throwsAsync(database.execute('begin; select 1 / 0; commit'));
  t.is(await pidOf(database), pid);
});

test('a server with German messages: timeouts, conflicts and ended sessions keep their codes', async (t) => {
  const database = await setupGerman(t, {
    statementTimeoutMs: 200,
    idleInTransactionTimeoutMs: 300,
    maxTransactionRetries: 0,
  });
  const pid = await pidOf(database);
  t.is(await outcome(database.reader.query('select pg_sleep(5)')), 'database_timeout');
  t.is(await pidOf(database), pid, 'a timeout of a statement keeps the connection');
  const conflict = `do $$ begin raise exception using errcode = '40001'; end $$`;
  t.is(await outcome(database.reader.query(conflict)), 'database_conflict');
  t.is(await pidOf(database), pid);
  const idle = database.unitOfWork.run({ operation }, async ({ query }) => {
    await new Promise((done) => setTimeout(done, 900));
    await query('select 1');
  });
  t.is(await outcome(idle), 'database_timeout');
  const second = await pidOf(database);
  t.not(second, pid, 'the server ended the session');
  const killed = database.unitOfWork.run({ operation }, async ({ query }) => {
    await statementOn(database.url, `select pg_terminate_backend(${String(second)})`);
    await query('select 1');
  });
  t.is(await outcome(killed), 'database_unavailable');
  t.not(await pidOf(database), second);
});

test('migrations, schema check and health work on a server with German messages', async (t) => {
  const database = await setupGerman(t);
  await database.waitUntilReady({ signal: AbortSignal.timeout(60_000) });
  t.deepEqual(await database.healthCheck.check(AbortSignal.timeout(5_000)), { status: 'up' });
});
