import type { ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { createJobs, type JobHandlers, type JobsDeps } from '#src/jobs/jobs.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const nothing = async (): Promise<void> => {};
export const idle: JobHandlers = {
  refresh: nothing,
  pricing: nothing,
  retention: nothing,
  webhook_event: nothing,
  webhook_delivery: nothing,
  calendar: nothing,
  mail: nothing,
  quality: nothing,
  index_values: nothing,
  lost_jobs: nothing,
  removal: nothing,
};

/** Queues that are quick enough for a test. */
export const quickQueues = {
  worker: true,
  schedules: [],
  concurrency: 2,
  pollMs: 500,
  retries: 2,
  retryDelaySeconds: 1,
  heartbeatSeconds: 10,
  logger: silentLogger,
} as const satisfies Partial<JobsDeps>;

/** `make`: the queues of one process. */
export const setup = async (t: ExecutionContext, overrides: Partial<JobsDeps> = {}) => {
  const admin = await setupDatabase(t);
  await admin.query('create table effect (id serial primary key)');
  const database = await createDatabase(databaseSettings(admin.url));
  const metrics = recordMetrics();
  const make = (more: Partial<JobsDeps> = {}) => {
    const jobs = createJobs({
      ...quickQueues,
      execute: database.execute,
      metrics,
      ...overrides,
      ...more,
    });
    open.push(jobs);
    return jobs;
  };
  const open: ReturnType<typeof createJobs>[] = [];
  t.teardown(async () => {
    for (const jobs of open) await jobs.close({ graceMs: 0 });
    await database.close();
  });
  return { admin, database, metrics, make };
};
