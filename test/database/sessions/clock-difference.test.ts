import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

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
