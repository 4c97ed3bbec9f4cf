import test from 'ava';
import { soakFaults } from '#load/soak/faults.ts';
import { judgeGrowth, slopeOf, type Point } from '#load/soak/growth.ts';
import { filesOf, verdictLines, type SoakRun } from '#load/soak/report.ts';
import { agedTables, keptTables, retentionsOf } from '#load/soak/retention.ts';
import { createTimeLapse } from '#load/soak/time-lapse.ts';
import { setupDatabase } from '#testkit/database.ts';

const line = (slope: number, noise: (index: number) => number = () => 0): Point[] =>
  Array.from({ length: 60 }, (_, index) => [index * 10, 100 + slope * index * 10 + noise(index)]);

test('each table with a retention has rows that the run makes old, and no other table', (t) => {
  t.deepEqual(Object.keys(retentionsOf('now()')).sort(), [...agedTables()].sort());
  const kept = keptTables();
  t.true(kept.includes('audit_event'));
  t.false(agedTables().some((name) => kept.includes(name)));
});

test('a leak is seen below the noise of faults and garbage collections', (t) => {
  const peaks = (index: number): number => (index % 7 === 0 ? 80 : (index % 3) * 4);
  t.true(Math.abs(slopeOf(line(0, peaks))) < 0.01);
  t.true(Math.abs(slopeOf(line(0.2, peaks)) - 0.2) < 0.02);
  const limits = { warmUp: 100, tolerance: 40 };
  t.true(judgeGrowth('flat', line(0, peaks), limits).passed);
  t.false(judgeGrowth('leak', line(0.2, peaks), limits).passed);
  t.true(judgeGrowth('shrinks', line(-0.2), limits).passed);
  t.false(judgeGrowth('no samples', [], limits).passed);
});

test('growth during the warm-up does not count', (t) => {
  const points = line(0).map(([at, value]): Point => [at, at < 200 ? value - (200 - at) : value]);
  t.is(judgeGrowth('warm', points, { warmUp: 200, tolerance: 1 }).growth, 0);
  t.false(judgeGrowth('cold', points, { warmUp: 0, tolerance: 50 }).passed);
});

test('the first faults are of different groups, and no fault ends or needs another process', (t) => {
  const faults = soakFaults();
  const groups = new Set(faults.map(({ group }) => group));
  t.is(new Set(faults.slice(0, groups.size).map(({ group }) => group)).size, groups.size);
  t.true(groups.size >= 9);
  t.true(faults.length >= 40);
  t.true(faults.every((cell) => cell.topology === undefined && cell.faultPoint === undefined));
});

test('rows that are put into the tables are past their time', async (t) => {
  const database = await setupDatabase(t);
  await database.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at, first_signed_in_at)
     values (gen_random_uuid(), 'soak@example.org', '', 'user', '{}', now(), now())`,
  );
  const lapse = createTimeLapse(() => database.url, 60);
  // The queue of jobs has its tables only while a service runs.
  await database.query('create schema pgboss');
  await database.query('create table pgboss.queue (maintain_on timestamptz)');
  await database.query('create table pgboss.job (completed_on timestamptz, deletion_seconds int)');
  await database.query(`insert into pgboss.job values (now() - interval '2 minutes', 3600)`);
  await database.query(
    `insert into refresh (id, universe, trigger, status, started_at, finished_at)
     select gen_random_uuid(), 'tech5', 'request', 'succeeded', now(), now() - n * interval '2 minutes'
     from generate_series(0, 1) as n`,
  );
  await lapse.step();
  const results = await lapse.end(0);
  t.deepEqual(
    results.filter(({ expired, left }) => expired === 0 || left !== expired),
    [],
  );
});

test('a report of a part of the run says so, and is no page of the docs', (t) => {
  const verdict = {
    passed: true,
    flat: [],
    tables: [],
    retention: [],
    kept: [],
    served: { callers: [], steps: [] },
    failedFaults: [],
  };
  const noTable = { rows: 0, tableBytes: 0, indexBytes: 0 };
  const times = { minutes: 60, began: 0, warmUpSeconds: 1_200, perSecond: 2, failedSamples: 0 };
  const sample = {
    at: 2_100,
    processorSeconds: 1,
    tables: { pgboss: noTable, refresh: noTable, pricing_job: noTable },
  };
  const whole = { ...times, interim: false, samples: [sample], results: [], verdict } as unknown as SoakRun;
  const interim = { ...whole, interim: true };
  t.true(verdictLines(interim)[0]!.startsWith('PASSED: interim: 35 of 60 planned minutes'), verdictLines(interim)[0]);
  t.false(verdictLines(whole)[0]!.includes('interim'));
  const pages = ['docs/images/soak.svg', 'docs/soak.md'];
  const reports = ['reports/soak.html', 'reports/soak.json'];
  t.deepEqual(Object.keys(filesOf(whole, true)).sort(), [...pages, ...reports]);
  t.deepEqual(Object.keys(filesOf(whole, false)).sort(), reports);
  t.deepEqual(Object.keys(filesOf(interim, true)).sort(), reports);
});
