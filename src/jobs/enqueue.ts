import { context } from '@opentelemetry/api';
import type { PgBoss } from 'pg-boss';
import type { JobData, JobEnqueuer, JobQueue, JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { traceparentOf } from '#src/kernel/requests/trace-parent.ts';
import { holdWaitingSql, removeFailedSql, type NetworkOfJob, takeTurn, takeTurns, turnCost, turnsOf } from './turns.ts';

export type EnqueueDeps = {
  /** @throws AppError `database_unavailable` before the queues are open */
  readonly boss: () => PgBoss;
  readonly metrics: Metrics;
  readonly networkOf: (queue: JobQueue, name: string | undefined) => NetworkOfJob | undefined;
};

/** The job waits or runs. The condition is that of the index of keys. */
const isLiveSql = `state <= 'active' and policy = 'exclusive' and coalesce(singleton_key, '')`;
/** The keys among these whose job waits or runs. Parameters: queue, keys. */
const knownKeysSql = `select singleton_key as key from pgboss.job where name = $1 and ${isLiveSql} = any($2)`;

const within = (query: Query) => ({
  executeSql: async (text: string, values?: unknown[]) => ({ rows: await query(text, values) }),
});

/** The data of a job, with the span that it continues. */
const traced = (data: JobData): JobData => {
  const traceparent = traceparentOf(context.active());
  return { ...data, ...(traceparent !== undefined && { traceparent }) };
};

/** Adds jobs in the transaction of the caller. */
export const createEnqueue = ({ boss, metrics, networkOf }: EnqueueDeps): JobEnqueuer & JobSetEnqueuer => ({
  enqueue: async ({ query }, queue, { key, data, group, network, cost = 1, isFirst = false, standIn }) => {
    const open = boss();
    if (standIn !== undefined) {
      if ((await query(holdWaitingSql, [queue, standIn])).length > 0) return false;
      // Otherwise each change would add a job while those of earlier ones fail.
      const removed = await query(removeFailedSql, [queue, standIn]);
      // These jobs are never dead, however often the work fails.
      if (removed.length > 0) metrics.count('volwatch_jobs_total', { queue, outcome: 'replaced' }, removed.length);
    }
    const turn = { network: networkOf(queue, network), cost };
    const taken = group === undefined ? undefined : await takeTurn(query, queue, { group, ...turn });
    const id = await open.send(
      queue,
      {
        ...traced(data),
        ...(group !== undefined && network !== undefined && { [turnsOf]: group }),
        ...(cost > 1 && { [turnCost]: String(cost) }),
      },
      {
        singletonKey: key,
        ...(taken ? { group: { id: taken.group }, priority: -taken.turn } : isFirst && { priority: 1 }),
        db: within(query),
      },
    );
    return id !== null;
  },

  lacksJob: (queue, key) => `not exists (select from pgboss.job where name = '${queue}' and ${isLiveSql} = ${key})`,

  enqueueAll: async ({ query }, queue, jobs) => {
    const open = boss();
    const keys = jobs.map(({ key }) => key);
    const known = new Set((await query<{ key: string }>(knownKeysSql, [queue, keys])).map(({ key }) => key));
    const wanted = jobs.filter(({ key }) => !known.has(key));
    if (wanted.length === 0) return 0;
    const turnOf = await takeTurns(
      query,
      queue,
      wanted.flatMap(({ group }) => group ?? []),
    );
    const added = wanted.map(({ key, data, group }) => ({
      singletonKey: key,
      data: traced(data),
      ...(group !== undefined && { group: { id: group }, priority: -turnOf(group) }),
    }));
    await open.insert(queue, added, { db: within(query) });
    return added.length;
  },
});
