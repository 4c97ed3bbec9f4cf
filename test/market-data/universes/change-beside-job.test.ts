import test from 'ava';
import { createJobs, type Jobs } from '#src/jobs/jobs.ts';
import type { JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import { idle, quickQueues } from '#test/jobs/setup.ts';
import { eventually } from '#testkit/eventually.ts';
import { desk, setupUniverses } from './setup.ts';

test('a change of a universe is refreshed, although the job of the refresh before still fills the caches', async (t) => {
  let jobs: Jobs | undefined;
  const enqueue: JobEnqueuer['enqueue'] = (...job) => jobs!.enqueue(...job);
  const [inLastPart, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const committed = async (): Promise<void> => {
    inLastPart.resolve();
    await gate.promise;
  };
  const http = await setupUniverses(t, { committed }, { jobs: { enqueue } });
  const { database, refreshes, admin, metrics, put } = http;
  jobs = createJobs({ ...quickQueues, execute: database.execute, metrics });
  t.teardown(async () => {
    gate.resolve();
    await jobs.close({ graceMs: 0 });
  });
  const refresh = async ({ universe = '' }): Promise<void> =>
    void (await refreshes.run({ universe, trigger: 'change' }));
  await jobs.start({ ...idle, refresh });
  const succeeded = async (): Promise<unknown[]> =>
    (
      await admin.query(
        `select universe_version from refresh where universe = 'desk' and status = 'succeeded' order by 1`,
      )
    ).map(({ universe_version: version }) => version);

  t.is((await put('desk', desk())).status, 201);
  await inLastPart.promise;
  t.deepEqual(await succeeded(), [1], 'the record has ended, but its job has not');
  const assets = [...(desk()['assets'] as object[]), { symbol: 'CCC' }];
  t.is((await put('desk', { ...desk(), assets }, { 'If-Match': '"1"' })).status, 200);
  await eventually(async () => (await succeeded()).length === 2, 'the second version is refreshed');
  t.deepEqual(await succeeded(), [1, 2]);

  const active = await admin.query(`select 1 from pgboss.job where name = 'refresh' and state = 'active'`);
  t.is(active.length, 2, 'the job of the first version runs all the time');
});
