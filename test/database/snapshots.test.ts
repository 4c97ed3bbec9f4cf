import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startReplicated, statementOn } from '#testkit/servers/replica.ts';

const countSql = 'select count(*)::int as items, pg_is_in_recovery() as standby from item';

test('the statements of a snapshot see one state, write nothing, and give their connection back', async (t) => {
  const admin = await setupDatabase(t, { migrated: false });
  await admin.query('create table item (id int primary key)');
  const database = await createDatabase({ ...databaseSettings(admin.url), poolMax: 1 });
  t.teardown(database.close);
  const counts = await database.reader.snapshot(async ({ query }) => {
    const before = await query(countSql);
    await admin.query('insert into item values (1)');
    return [before[0]?.['items'], (await query(countSql))[0]?.['items']];
  });
  t.deepEqual(counts, [0, 0]);
  await t.throwsAsync(database.reader.snapshot(({ query }) => query('insert into item values (2)')));
  const refusal = new AppError('resource_not_found');
  t.is(
    await t.throwsAsync(
      database.reader.snapshot(async () => {
        throw refusal;
      }),
    ),
    refusal,
  );
  t.is((await database.reader.query(countSql))[0]?.['items'], 1);
});

test('a snapshot is read from a replica, or from the primary if the replica fails; a refusal by the work is no failure', async (t) => {
  const { primaryUrl, replicaUrl } = await startReplicated(t);
  await statementOn(primaryUrl, 'create table item (id int primary key)');
  const metrics = recordMetrics();
  const database = await createDatabase({
    ...databaseSettings(primaryUrl),
    metrics,
    replicaUrls: [replicaUrl],
    replicaTimeoutMs: 300,
    replicaCheckMs: 100,
  });
  t.teardown(database.close);
  const standby = (pauseOnReplica = false) =>
    database.replicaReader.snapshot(async ({ query }) => {
      const [row] = await query<{ standby: boolean }>(countSql);
      if (pauseOnReplica && row!.standby) await query('select pg_sleep(2)');
      return row!.standby;
    });
  await eventually(() => standby(), 'the replica is read from');
  let runs = 0;
  const refused = database.replicaReader.snapshot(async () => {
    runs += 1;
    throw new AppError('resource_not_found');
  });
  await t.throwsAsync(refused);
  t.is(runs, 1);
  const fallbacks = (): number => metrics.value('volwatch_replica_fallbacks_total', { pool: 'replica_1' });
  const before = fallbacks();
  t.true(await standby());
  t.is(fallbacks(), before);
  t.false(await standby(true), 'a statement that is too slow runs again on the primary, with those before it');
  t.is(fallbacks(), before + 1);
});
