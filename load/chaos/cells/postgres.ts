import { statementOn } from '#testkit/servers/replica.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const refusals = ['database_unavailable', 'database_timeout', 'database_pool_exhausted', 'overloaded'];
const errors = (now: Scrape): number => now.sum('volwatch_errors_total', { category: 'database' });
const moreErrors = (before: Scrape, now: Scrape): boolean => errors(now) > errors(before);
const reasons = (now: Scrape): number => now.sum('volwatch_db_transactions_total', { outcome: 'rolled_back' });

/** Mean duration of a statement since `before`, in seconds. */
const mean = (before: Scrape, now: Scrape): number => {
  const moved = (name: string): number => now.sum(name) - before.sum(name);
  return (
    moved('db_client_operation_duration_seconds_sum') / Math.max(1, moved('db_client_operation_duration_seconds_count'))
  );
};

const common = { group: 'postgres', probe: 'database', codes: refusals, deadlineMs: 6_000 } as const;
const terminate = `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`;
const readOnly = (on: boolean) => `alter system set default_transaction_read_only = ${on ? 'on' : 'off'}`;

const renameQueues = (from: string, to: string) => `alter schema ${from} rename to ${to}`;

export const postgresCells: readonly Cell[] = [
  {
    ...common,
    name: 'cut',
    how: 'connections are reset and refused',
    unhealthy: 'postgres',
    inject: ({ links }) => links.postgres.cut(),
    heal: ({ links }) => links.postgres.heal(),
    hasEffect: moreErrors,
  },
  {
    ...common,
    name: 'black hole',
    how: 'bytes vanish, connections stay open',
    // Health shows it after the timeout of a statement (2.5 s) and the next check.
    holdMs: 6_000,
    unhealthy: 'postgres',
    inject: ({ links }) => links.postgres.addToxic({ type: 'timeout', attributes: { timeout: 0 } }),
    heal: ({ links }) => links.postgres.heal(),
    hasEffect: moreErrors,
  },
  {
    ...common,
    name: 'latency',
    how: '200 ms on each answer',
    inject: ({ links }) => links.postgres.addToxic({ type: 'latency', attributes: { latency: 200 } }),
    heal: ({ links }) => links.postgres.heal(),
    hasEffect: (before, now) => mean(before, now) > 0.1,
  },
  {
    ...common,
    name: 'resets',
    how: 'every connection is reset 20 ms after it spoke',
    inject: ({ links }) => links.postgres.addToxic({ type: 'reset_peer', attributes: { timeout: 20 } }),
    heal: ({ links }) => links.postgres.heal(),
    hasEffect: moreErrors,
  },
  {
    ...common,
    name: 'backends killed',
    how: 'pg_terminate_backend on every client, three times',
    holdMs: 500,
    inject: async ({ databaseUrl }) => {
      for (let round = 0; round < 3; round += 1) await statementOn(databaseUrl, terminate);
    },
    heal: () => {},
    // The pool replaces idle connections without an error, so PostgreSQL's own counter shows the fault.
    hasEffect: async (_before, _now, { databaseUrl }) => {
      const [row] = await statementOn(databaseUrl, 'select sum(sessions_killed)::int as killed from pg_stat_database');
      return Number(row?.['killed']) > 0;
    },
  },
  {
    ...common,
    name: 'cut inside a refresh',
    how: 'connections are cut while refreshes run one after the other',
    probe: 'refresh',
    codes: [...refusals, 'internal_error'],
    deadlineMs: 12_000,
    inject: ({ links }) => links.postgres.cut(),
    heal: ({ links }) => links.postgres.heal(),
    hasEffect: (before, now) => reasons(now) > reasons(before) || moreErrors(before, now),
  },
  {
    ...common,
    name: 'tables locked',
    how: 'another session holds an exclusive lock on the refreshes for 4 s',
    holdMs: 4_500,
    inject: ({ databaseUrl }) =>
      void statementOn(
        databaseUrl,
        'begin; lock table refresh in access exclusive mode; select pg_sleep(4); commit',
      ).catch(() => {}),
    heal: () => {},
    hasEffect: moreErrors,
  },
  {
    ...common,
    name: 'read-only',
    how: 'the server refuses writes while refreshes are asked for',
    probe: 'refresh',
    codes: refusals,
    deadlineMs: 12_000,
    inject: async ({ databaseUrl }) => {
      await statementOn(databaseUrl, readOnly(true));
      await statementOn(databaseUrl, 'select pg_reload_conf()');
    },
    heal: async ({ databaseUrl }) => {
      await statementOn(databaseUrl, 'alter system reset default_transaction_read_only');
      await statementOn(databaseUrl, 'select pg_reload_conf()');
    },
    hasEffect: (before, now) => reasons(now) > reasons(before) || moreErrors(before, now),
  },
  {
    ...common,
    name: 'job tables away',
    how: 'the schema of the job queues is renamed while refreshes are asked for',
    probe: 'refresh',
    codes: ['database_schema_outdated'],
    deadlineMs: 12_000,
    unhealthy: 'jobs',
    inject: async ({ databaseUrl }) => void (await statementOn(databaseUrl, renameQueues('pgboss', 'pgboss_away'))),
    heal: async ({ databaseUrl }) => void (await statementOn(databaseUrl, renameQueues('pgboss_away', 'pgboss'))),
    hasEffect: (_before, now) => now.sum('volwatch_jobs_up') === 0,
  },
];
