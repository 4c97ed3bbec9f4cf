import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const refusals = ['database_unavailable', 'database_timeout', 'database_pool_exhausted', 'overloaded'];
const errors = (now: Scrape): number => now.sum('volwatch_errors_total', { category: 'database' });

const common = {
  deadlineMs: 12_000,
  hasEffect: (before: Scrape, now: Scrape) => errors(now) > errors(before),
  unhealthy: 'postgres',
} as const;
const pooled = { ...common, topology: 'pooler', group: 'pgbouncer', probe: 'database', codes: refusals } as const;
const refreshRefusals = [...refusals, 'internal_error'];

/**
 * PostgreSQL behind PgBouncer, and the loss of its primary. In these worlds each commit waits for the replica. The last
 * cell of each world ends the primary for ever.
 */
export const postgresTopologyCells: readonly Cell[] = [
  {
    ...pooled,
    name: 'restarted',
    how: 'SIGKILL to PgBouncer (transaction mode), which starts again after 3 s',
    inject: ({ pooler }) => pooler!.stop(),
    heal: ({ pooler }) => pooler!.start(),
  },
  {
    ...pooled,
    name: 'restarted inside a refresh',
    how: 'SIGKILL to PgBouncer while refreshes run one after the other',
    probe: 'refresh',
    codes: refreshRefusals,
    inject: ({ pooler }) => pooler!.stop(),
    heal: ({ pooler }) => pooler!.start(),
  },
  {
    ...pooled,
    name: 'frozen',
    how: 'PgBouncer stands still for 6 s, connections stay open',
    holdMs: 6_000,
    inject: ({ pooler }) => pooler!.hang(),
    heal: ({ pooler }) => pooler!.wake(),
  },
  {
    ...pooled,
    name: 'primary lost behind it',
    how: 'SIGKILL to the primary; after 3 s the replica is promoted, and PgBouncer connects to it',
    inject: ({ killPrimary }) => killPrimary(),
    heal: ({ failOver }) => failOver(),
  },
  {
    ...common,
    topology: 'failover',
    group: 'postgres_failover',
    name: 'primary lost',
    how: 'SIGKILL to the primary while refreshes run; after 3 s the replica is promoted, and the address leads to it',
    probe: 'refresh',
    codes: refreshRefusals,
    inject: ({ killPrimary }) => killPrimary(),
    heal: ({ failOver }) => failOver(),
  },
];
