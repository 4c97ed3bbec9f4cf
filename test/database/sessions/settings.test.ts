import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createDatabase, type Database, type DatabaseDeps } from '#src/database/database.ts';
import { entities } from '#src/compose/data/entities.ts';
import { createMigrator } from '#src/database/migrator.ts';
import { clientOptions } from '#src/database/connections/client-options.ts';
import { createSidePool, queryOnce } from '#src/database/connections/side-pool.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startPgBouncer } from '#testkit/servers/pgbouncer.ts';
import { eventually } from '#testkit/eventually.ts';
import { startReplicated, statementOn } from '#testkit/servers/replica.ts';
import { expectedSettings, hostileSettings, settingsSql, setupHostile } from './hostile-role.ts';

const operation = 'refresh.apply';

const open = async (t: ExecutionContext, url: string, overrides: Partial<DatabaseDeps> = {}): Promise<Database> => {
  const database = await createDatabase({ ...databaseSettings(url), entities, ...overrides });
  t.teardown(() => database.close());
  return database;
};

/** Each way by which a statement of the service reaches the database. */
const everyWay = async (t: ExecutionContext, database: Database): Promise<void> => {
  const ways: Record<string, () => Promise<unknown>> = {
    reader: () => database.reader.query(settingsSql),
    'reader of replicas': () => database.replicaReader.query(settingsSql),
    'unit of work': () => database.unitOfWork.run({ operation }, ({ query }) => query(settingsSql)),
    'entity manager': () =>
      database.unitOfWork.run({ operation }, ({ em }) =>
        em.getConnection().execute(settingsSql, [], 'all', em.getTransactionContext()),
      ),
    'job queue': async () => (await database.execute(settingsSql)).rows,
    'job queue with parameters': async () => (await database.execute(`${settingsSql} and $1`, [true])).rows,
  };
  for (const [name, read] of Object.entries(ways)) t.deepEqual(await read(), [{ settings: expectedSettings }], name);
};

test('the defaults of the role are real: a client that sets nothing has them', async (t) => {
  const { url } = await setupHostile(t);
  const [row] = await statementOn(url, `select date '2004-08-01' as date, '{NULL}'::text[] as texts, 'a\\\\b' as text`);
  t.notDeepEqual(row, { date: '2004-08-01', texts: [null], text: 'a\\\\b' });
  t.is((await statementOn(url, 'show datestyle'))[0]?.['DateStyle'], 'German, DMY');
  t.is((await statementOn(url, 'show search_path'))[0]?.['search_path'], 'hidden, public');
});

for (const scope of ['role', 'database'] as const) {
  test(`every connection has the settings of the service, whatever the defaults of the ${scope} are`, async (t) => {
    const { url } = await setupHostile(t, { scope });
    const database = await open(t, url);
    await database.checkServer();
    await everyWay(t, database);
    // Longer than each timeout of the role.
    await database.unitOfWork.run({ operation }, async ({ query }) => {
      await sleep(150);
      await query('select pg_sleep(0.6)');
    });
    t.is(await database.drift(), '');

    const side = createSidePool(databaseSettings(url));
    t.teardown(() => side.end());
    t.deepEqual(await queryOnce(side, settingsSql, 5_000), [{ settings: expectedSettings }], 'health checks');
  });
}

for (const sessionless of [false, true]) {
  test(`migrations run with the settings of the service (sessionless: ${sessionless})`, async (t) => {
    const { url, query } = await setupHostile(t, { migrated: false });
    const migrator = createMigrator({
      url,
      applicationName: 'tests',
      sessionless,
      logger: silentLogger,
      migrations: [
        {
          name: '0001-seen',
          up: [`create table seen as ${settingsSql}`, 'select pg_sleep(0.5)'],
          down: ['drop table seen'],
        },
      ],
    });
    t.deepEqual(await migrator.up(), ['0001-seen']);
    t.deepEqual(await query('select settings from public.seen'), [{ settings: expectedSettings }]);
    t.deepEqual(await migrator.pending(), []);
    t.is(await migrator.down(), '0001-seen');
  });
}

test('behind PgBouncer in transaction mode every statement has the settings, also after another client changed the session', async (t) => {
  // The session must not end between two statements of this test.
  const { url } = await setupHostile(t, { settings: { ...hostileSettings, idle_session_timeout: '0' } });
  const bouncer = await startPgBouncer(t, url, { mode: 'transaction', poolSize: 1 });
  const database = await open(t, bouncer.url, { sessionless: true });
  await database.checkServer();
  await everyWay(t, database);
  await statementOn(bouncer.url, `set datestyle = 'SQL, DMY'`);
  await statementOn(bouncer.url, `set search_path = hidden`);
  await statementOn(bouncer.url, `create temporary table asset (id int)`);
  await everyWay(t, database);
  t.deepEqual(await database.reader.query('select id from asset limit 1'), [], 'the table, not the temporary one');
  t.is(await database.drift(), '');
  const left = await statementOn(bouncer.url, 'show search_path');
  // The quotes come from quote_all_identifiers of the role.
  t.deepEqual(left, [{ search_path: '"hidden"' }], 'the service leaves the session as it found it');
});

test('behind PgBouncer in session mode every connection has the settings', async (t) => {
  const { url } = await setupHostile(t);
  const bouncer = await startPgBouncer(t, url, { mode: 'session', poolSize: 10 });
  const database = await open(t, bouncer.url);
  await database.checkServer();
  await everyWay(t, database);
});

test('a server in mode serverless behind PgBouncer holds a lock and works beside it', async (t) => {
  const { url } = await setupHostile(t);
  const bouncer = await startPgBouncer(t, url, { mode: 'transaction', poolSize: 3 });
  const database = await open(t, bouncer.url, { sessionless: true });
  const held = await database.lock.tryWith('name', async () => {
    // Longer than each timeout of the role.
    await sleep(600);
    return database.reader.query(settingsSql);
  });
  t.deepEqual(held, { value: [{ settings: expectedSettings }] });
});

for (const sessionless of [false, true]) {
  test(`reads from a replica have the settings of the service (sessionless: ${sessionless})`, async (t) => {
    const { primaryUrl, replicaUrl } = await startReplicated(t);
    const statements = Object.entries(hostileSettings)
      .filter(([setting]) => !setting.endsWith('_timeout') && setting !== 'search_path')
      .map(
        ([setting, value]) => `alter role volwatch set ${setting} = ${setting === 'datestyle' ? value : `'${value}'`}`,
      );
    await statementOn(primaryUrl, statements.join('; '));
    const database = await open(t, primaryUrl, { sessionless, replicaUrls: [replicaUrl], replicaCheckMs: 50 });
    const onReplica = async (): Promise<boolean> => {
      const [row] = await database.replicaReader.query('select pg_is_in_recovery() as standby');
      return row?.['standby'] === true;
    };
    await eventually(onReplica, 'the replica is read from');
    t.deepEqual(await database.replicaReader.query(`${settingsSql} and pg_is_in_recovery()`), [
      { settings: expectedSettings },
    ]);
  });
}

test('the list of settings in this test is the list of the service', async (t) => {
  const { pinnedSettings, settingsOfVariables } = await import('#src/kernel/connections/session-settings.ts');
  const made = new Set([...Object.keys(pinnedSettings), ...Object.keys(settingsOfVariables)]);
  t.deepEqual(
    Object.keys(hostileSettings).filter((name) => !made.has(name)),
    [],
  );
  t.is(clientOptions(databaseSettings('postgres://u@h/d')).options, undefined, 'no parameter that a pooler refuses');
});
