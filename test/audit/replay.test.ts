import test from 'ava';
import { compareState, rebuildState } from '#src/audit/replay.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { createQueuedRefreshes } from '#src/market-data/refresh/refresh-queue.ts';
import { removeOldRefreshes } from '#src/market-data/refresh/retention.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { faultReached, setup } from '#test/market-data/setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { eventually } from '#testkit/eventually.ts';

const once = { probability: 1, delay_ms: 0, count: 1 };

test('refresh records can be rebuilt from their events: succeeded, failed, rolled back, abandoned, running', async (t) => {
  const made = await setup(t);
  const { refreshes, faults, admin, database } = made;
  const run = () => refreshes.run({ universe: 'tech5', trigger: 'request' });
  await run();
  faults.set('provider.fetch', { mode: 'error', ...once });
  t.is((await run()).status, 'failed');
  faults.set('refresh.store_prices', { mode: 'error', ...once });
  t.is((await run()).status, 'rolled_back');
  // A killed process leaves such a record: its status is running, but no process runs it.
  const abandoned = `insert into refresh (id, universe, trigger, status, started_at, trace_id)
    select '01900000-0000-7000-8000-000000000000', universe, trigger, 'running', started_at, trace_id from refresh limit 1`;
  await admin.query(abandoned);
  t.is(await refreshes.closeDangling(), 1);
  faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0 });
  const { record, ended } = await refreshes.start({ universe: 'sp500', trigger: 'startup', waited: false });
  await faultReached(made, 'provider.fetch');

  const rebuilt = await rebuildState(database.reader, 'refresh');
  t.deepEqual(
    [...rebuilt.values()].map(({ status }) => String(status)).sort((left, right) => (left < right ? -1 : 1)),
    ['failed', 'rolled_back', 'rolled_back', 'running', 'succeeded'],
  );
  t.like(rebuilt.get(record.id), { universe: 'sp500', status: 'running', trigger: 'startup', finished_at: null });
  // The inserted row has no start event. All other rows agree in all columns.
  const differences = await compareState(database.reader);
  t.deepEqual(
    differences.map(({ table, id }) => [table, id]),
    [['refresh', '01900000-0000-7000-8000-000000000000']],
  );

  faults.clear('provider.fetch');
  t.is((await ended).status, 'succeeded');
  const [row] = await admin.query(
    `select to_jsonb(refresh) - array['id', 'started_at', 'finished_at', 'applied_at'] as state from refresh where id = $1`,
    [record.id],
  );
  t.like((await rebuildState(database.reader, 'refresh')).get(record.id), row?.['state'] as object);
  const { faults: chainFaults, events } = await verifyAuditTrail(database.reader);
  t.deepEqual(chainFaults, []);
  t.is(events, 3 + 2 + 2 + 1 + 3);
});

test('a refresh that waits for a worker has the events queued and started, and its record agrees with them', async (t) => {
  const { refreshes, database, admin, metrics } = await setup(t);
  const { unitOfWork, reader } = database;
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const jobs = { enqueue: async () => true };
  const queue = createQueuedRefreshes({
    unitOfWork,
    reader,
    jobs,
    audit,
    clock,
    ids: uuidv7,
    universes: fixedUniverses(bundledUniverses),
  });
  const { record } = await queue.start({ universe: 'tech5', trigger: 'request', waited: false });
  t.deepEqual(await compareState(reader), []);
  t.like((await rebuildState(reader, 'refresh')).get(record.id), { status: 'running', queued: true });

  await refreshes.run({ universe: 'tech5', trigger: 'request', queuedId: record.id });

  t.deepEqual(await compareState(reader), []);
  const events = await admin.query('select action, target from audit_event order by sequence');
  t.deepEqual(
    events.map(({ action, target }) => [action, target]),
    ['queued', 'started', 'applied', 'succeeded'].map((action) => [`refresh.${action}`, record.id]),
  );
});

test('a rolled back refresh has no applied event', async (t) => {
  const { refreshes, faults, admin } = await setup(t);
  faults.set('refresh.commit', { mode: 'error', ...once });
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  const events = await admin.query('select action, outcome, reason from audit_event order by sequence');
  t.deepEqual(events, [
    { action: 'refresh.started', outcome: 'success', reason: null },
    { action: 'refresh.rolled_back', outcome: 'failure', reason: 'database_unavailable' },
  ]);
});

test('the removal of an old record is recorded, and the record is not reported as missing', async (t) => {
  const { refreshes, database, admin, metrics } = await setup(t);
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const old = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  const remove = (): Promise<number> =>
    database.unitOfWork.run({ operation: 'retention' }, (transaction) =>
      removeOldRefreshes(transaction, { days: 0, audit }),
    );

  t.is(await remove(), 1);

  t.deepEqual(await compareState(database.reader), []);
  const [last] = await admin.query('select action, target from audit_event order by sequence desc limit 1');
  t.deepEqual(last, { action: 'refresh.removed', target: old.id });
  t.is(await remove(), 0);
});

test('old records are removed in parts, and the newest success of each universe stays', async (t) => {
  const { refreshes, database, admin, metrics } = await setup(t);
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const kept = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await admin.query(
    `insert into refresh (id, universe, trigger, status, started_at, finished_at, reason)
     select gen_random_uuid(), $1, 'request', status, now() - interval '1 hour', now() - make_interval(mins => minute),
       case status when 'failed' then 'internal_error' end
     from generate_series(1, 15) as minute cross join unnest(array['succeeded', 'failed']) as status`,
    ['tech5'],
  );
  const remove = (): Promise<number> =>
    database.unitOfWork.run({ operation: 'retention' }, (transaction) =>
      removeOldRefreshes(transaction, { days: 0, audit }),
    );
  t.deepEqual([await remove(), await remove(), await remove()], [20, 10, 0]);
  t.deepEqual(
    (await admin.query('select id from refresh')).map(({ id }) => id),
    [kept.id],
  );
});

test('the held bars of an old record are removed in parts, and then the record', async (t) => {
  const { refreshes, database, admin, metrics } = await setup(t);
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });
  const old = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await admin.query(
    `insert into price_quarantine (refresh_id, asset_id, date, price, reference)
     select $1, id, date '1900-01-01' + day, 1, 9 from asset, generate_series(1, 5000) as day`,
    [old.id],
  );
  const left = async () =>
    (
      await admin.query(
        'select (select count(*)::int from price_quarantine) as held, (select count(*)::int from refresh) as records',
      )
    )[0];
  const remove = (): Promise<number> =>
    database.unitOfWork.run({ operation: 'retention' }, (transaction) =>
      removeOldRefreshes(transaction, { days: 0, audit }),
    );
  t.is(await remove(), 10_000);
  t.deepEqual(await left(), { held: 15_000, records: 2 });
  t.deepEqual([await remove(), await remove(), await remove()], [10_000, 5_001, 0]);
  t.deepEqual(await left(), { held: 0, records: 1 });
});

test('a row that was changed or deleted directly in the database is reported', async (t) => {
  const { refreshes, admin, database } = await setup(t);
  const first = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  // The two refreshes must have different times, which are stored in milliseconds.
  const ended = Date.now();
  await eventually(() => Date.now() > ended, 'the clock shows a later millisecond');
  const second = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  t.deepEqual(await compareState(database.reader), []);

  await admin.query(`update refresh set prices = prices + 1, source = 'cache' where id = $1`, [first.id]);
  await admin.query('delete from refresh where id = $1', [second.id]);

  t.deepEqual(await compareState(database.reader), [
    { table: 'refresh', id: first.id, problem: 'differs from its events in source, prices' },
    { table: 'refresh', id: second.id, problem: 'has events but is missing in the table' },
  ]);
});
