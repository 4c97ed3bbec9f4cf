import test from 'ava';
import { createQualityChecks } from '#src/market-data/quality/quality-checks.ts';
import { createTradingDays } from '#src/market-data/quality/trading-days.ts';
import { createUniverseStatus } from '#src/market-data/universes/universe-status.ts';
import { setupUniverses } from './setup.ts';

test('the status and the check of a universe read its last refresh only, however many there were', async (t) => {
  const { admin, database, deps, schedules } = await setupUniverses(t);
  await admin.query(
    `insert into refresh (id, universe, trigger, status, started_at, finished_at, applied_at, quarantined)
     select gen_random_uuid(), (array['tech5', 'sp500'])[1 + number % 2], 'schedule',
       case when number % 3 = 0 then 'failed' else 'succeeded' end, at, at, case when number % 3 > 0 then at end, number
     from generate_series(1, 20000) as number cross join lateral (select now() - number * interval '1 minute' as at) as instant`,
  );
  await admin.query('analyze refresh');
  /** Rows of refreshes that each statement reads. */
  const read: number[] = [];
  const rowsOf = (plan: Record<string, unknown>): number => {
    const own = plan['Relation Name'] === 'refresh' ? Number(plan['Actual Rows']) * Number(plan['Actual Loops']) : 0;
    const filtered = own > 0 ? Number(plan['Rows Removed by Filter'] ?? 0) : 0;
    return ((plan['Plans'] ?? []) as Record<string, unknown>[]).reduce(
      (sum, part) => sum + rowsOf(part),
      own + filtered,
    );
  };
  const query = (async (text: string, parameters: readonly unknown[]) => {
    if (/(from|join) refresh/u.test(text)) {
      const [row] = await admin.query(`explain (analyze, format json) ${text}`, [...parameters]);
      read.push(rowsOf((row!['QUERY PLAN'] as { Plan: Record<string, unknown> }[])[0]!.Plan));
    }
    return database.reader.query(text, parameters);
  }) as typeof database.reader.query;
  const options = { clock: deps.clock, tradingDays: createTradingDays(), expectedAfterHours: 24 };
  const status = createUniverseStatus({
    ...options,
    reader: { ...database.reader, snapshot: (work) => work({ query }) },
    scheduleOf: schedules.of,
  });
  t.like(await status('tech5'), { held_back_prices: 2, last_refresh: { status: 'succeeded' } });
  t.like(await status('sp500'), { held_back_prices: 1, last_refresh: { status: 'succeeded' } });
  await createQualityChecks({ ...deps, ...options, reader: { query } }).handle({}, AbortSignal.timeout(60_000), {
    last: true,
  });
  t.is(read.length, 5);
  t.true(Math.max(...read) <= 4, `rows read: ${read.join(', ')}`);
});
