import test from 'ava';
import { createJobs } from '#src/jobs/jobs.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { JobSchedules } from '#src/kernel/ports/jobs.ts';
import { idle } from '#test/jobs/setup.ts';
import { createRefreshSchedules } from '#src/market-data/universes/schedules/refresh-schedules.ts';
import { desk, setupUniverses } from '../setup.ts';

const london = { cron: '30 6 * * 1-5', time_zone: 'Europe/London' };

test('a universe has a schedule of its own, none, or that of REFRESH_SCHEDULES', async (t) => {
  const { put, get, remove, scheduled } = await setupUniverses(t);
  const headers = async (name: string) => ({ 'If-Match': `"${String((await get(`/universes/${name}`))['version'])}"` });
  t.is((await put('desk', { ...desk(), schedule: london })).status, 201);
  t.deepEqual((await get('/universes/desk'))['schedule'], london);
  t.like(scheduled.get('desk'), {
    queue: 'refresh',
    cron: '30 6 * * 1-5',
    timeZone: 'Europe/London',
    data: { universe: 'desk', trigger: 'schedule' },
  });
  const { next_run: next } = await get('/universes/desk/status');
  const local = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', timeStyle: 'short', dateStyle: 'full' });
  t.regex(local.format(new Date(String(next))), /^(Mon|Tues|Wednes|Thurs|Fri)day.* 06:30$/);

  t.is((await put('desk', { ...desk(), schedule: null }, await headers('desk'))).status, 200);
  t.like(await get('/universes/desk'), { schedule: null });
  t.like(await get('/universes/desk/status'), { next_run: null });
  t.false(scheduled.has('desk'));

  // The default of these tests is one for tech5.
  const {
    version: _,
    origin: __,
    created_at: ___,
    updated_at: ____,
    name: _____,
    ...tech5
  } = await get('/universes/tech5');
  t.deepEqual(tech5['schedule'], { cron: '0 5 * * *', time_zone: 'UTC' });
  t.is((await put('tech5', { ...tech5, schedule: null }, await headers('tech5'))).status, 200);
  t.like(await get('/universes/tech5/status'), { next_run: null });
  const { schedule: ______, ...silent } = tech5;
  t.is((await put('tech5', silent, await headers('tech5'))).status, 200);
  t.deepEqual((await get('/universes/tech5'))['schedule'], { cron: '0 5 * * *', time_zone: 'UTC' });
  t.is(scheduled.get('tech5')?.cron, '0 5 * * *');
  t.is((await remove('tech5')).status, 204);
  t.false(scheduled.has('tech5'));
});

test('a schedule is committed together with its change, and a start stores all of them', async (t) => {
  const { database, admin, deps, metrics, put } = await setupUniverses(t);
  const jobs = createJobs({
    ...deps,
    execute: database.execute,
    worker: true,
    schedules: [{ queue: 'retention', key: 'retention', cron: '30 3 * * *', data: {} }],
    scheduledByData: ['refresh'],
    concurrency: 1,
    pollMs: 60_000,
    retries: 0,
    retryDelaySeconds: 1,
    heartbeatSeconds: 60,
    logger: silentLogger,
  });
  t.teardown(() => jobs.close({ graceMs: 0 }));
  const make = (defaults: Record<string, string>, port: JobSchedules = jobs) =>
    createRefreshSchedules({ ...deps, jobs: port, defaults: new Map(Object.entries(defaults)) });
  const stored = () => admin.query('select name, key, cron, timezone from pgboss.schedule order by name, key');
  const run = (work: Parameters<typeof database.unitOfWork.run<void>>[1]) =>
    database.unitOfWork.run({ operation: 'universe.change' }, work);
  const schedules = make({ tech5: '0 5 * * *', nowhere: '0 5 * * *' });

  await t.throwsAsync(
    run((transaction) => schedules.set(transaction, 'desk', { schedule: london })),
    { code: 'database_unavailable' },
    'a change before the queues are open is refused, because its schedule would be lost',
  );
  await jobs.start(idle);
  const retention = { name: 'retention', key: 'retention', cron: '30 3 * * *', timezone: 'UTC' };
  t.deepEqual(await stored(), [retention]);

  await t.throwsAsync(
    run(async (transaction) => {
      await schedules.set(transaction, 'desk', { schedule: london });
      throw new Error('no');
    }),
    { message: 'no' },
  );
  t.deepEqual(await stored(), [retention], 'a change that was rolled back has no schedule');
  await run((transaction) => schedules.set(transaction, 'desk', { schedule: london }));
  const own = { name: 'refresh', key: 'desk', cron: '30 6 * * 1-5', timezone: 'Europe/London' };
  t.deepEqual(await stored(), [own, retention]);
  await run((transaction) => schedules.remove(transaction, 'desk'));
  t.deepEqual(await stored(), [retention]);

  t.is((await put('desk', { ...desk(), schedule: london })).status, 201);
  await admin.query(
    `insert into pgboss.schedule (name, key, cron, timezone) values ('refresh', 'gone', '0 0 * * *', 'UTC')`,
  );
  await schedules.restore();
  const tech5 = { name: 'refresh', key: 'tech5', cron: '0 5 * * *', timezone: 'UTC' };
  t.deepEqual(await stored(), [own, tech5, retention], 'only of universes that exist');
  await schedules.collect();
  t.is(metrics.value('volwatch_refresh_schedule_period_seconds', { universe: 'tech5' }), 86_400);
  t.deepEqual(
    metrics.series('volwatch_refresh_schedule_period_seconds').map(({ universe }) => universe),
    ['desk', 'tech5'],
  );
  await make({}).restore();
  t.deepEqual(await stored(), [own, retention], 'another value of REFRESH_SCHEDULES');

  // An earlier release took any expression. The job queue searches each stored one every 30 s, in one turn of the event loop.
  const rare = { cron: '0 0 * 2 0#5', time_zone: 'UTC' };
  await admin.query(
    `update universe set definition = definition || jsonb_build_object('schedule', $1::jsonb) where name = 'desk'`,
    [JSON.stringify(rare)],
  );
  await make({}).restore();
  t.deepEqual(await stored(), [retention], 'a stored schedule that does not run in each month is left out');
});

test('a schedule that does not run in each month is refused', async (t) => {
  const { put } = await setupUniverses(t);
  for (const cron of ['0 0 * 2 0#5', '0 0 31 * *', '0 0 1 1 *']) {
    const answer = await put('desk', { ...desk(), schedule: { cron, time_zone: 'UTC' } });
    t.is(answer.status, 422, cron);
    t.like(await answer.json(), { errors: [{ pointer: '/schedule/cron' }] });
  }
});

test('while another process changes universes, the start tries again', async (t) => {
  const { database, schedules } = await setupUniverses(t);
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const other = database.unitOfWork.run({ operation: 'universe.change' }, async ({ query }) => {
    await query(`select pg_advisory_xact_lock(hashtextextended('universes', 0))`);
    held.resolve();
    await released.promise;
  });
  await held.promise;
  await t.throwsAsync(schedules.restore(), { code: 'database_conflict' });
  released.resolve();
  await other;
  await t.notThrowsAsync(schedules.restore());
});
