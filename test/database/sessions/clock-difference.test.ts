import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { setupHostile } from './hostile-role.ts';

test('a clock that differs from that of PostgreSQL is a finding of the health report, a gauge and one line', async (t) => {
  const admin = await setupDatabase(t, { migrated: false });
  let ahead = 0;
  const clock = { now: () => new Date(Date.now() + ahead * 1_000), monotonic: () => performance.now() };
  const metrics = recordMetrics();
  const lines: string[] = [];
  const keep = (_fields: LogFields, message: string): void => void lines.push(message);
  const logger = { ...silentLogger, warn: keep, info: keep };
  const database = await createDatabase({ ...databaseSettings(admin.url), clock, metrics, logger });
  t.teardown(() => database.close());
  const health = () => database.healthCheck.check(AbortSignal.timeout(5_000));
  const gauge = (): number => metrics.value('volwatch_database_clock_difference_seconds');

  t.deepEqual(await health(), { status: 'up' });
  t.true(Math.abs(gauge()) < 1);
  for (const seconds of [60, -60]) {
    ahead = seconds;
    const reading = await health();
    t.is(reading.status, 'degraded');
    t.regex(reading.detail!, /^the clock differs from that of the database by -?(59\.\d|60\.\d) s$/);
    t.true(Math.abs(gauge() - seconds) < 2, String(gauge()));
  }
  ahead = 0;
  t.deepEqual(await health(), { status: 'up' });
  t.deepEqual(lines, ['the clock of the process is wrong', 'the clock of the process is right']);
  t.true(Math.abs((await database.time()).getTime() - Date.now()) < 2_000);
});

test('without settings of the session, the health check reads the clock of PostgreSQL whatever the defaults of the role are', async (t) => {
  const { url } = await setupHostile(t, { settings: { datestyle: 'German, DMY', extra_float_digits: '-15' } });
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(url), sessionless: true, metrics });
  t.teardown(() => database.close());
  t.deepEqual(await database.healthCheck.check(AbortSignal.timeout(5_000)), { status: 'up' });
  t.true(Math.abs(metrics.value('volwatch_database_clock_difference_seconds')) < 1);
  t.true(Math.abs((await database.time()).getTime() - Date.now()) < 2_000);
});
