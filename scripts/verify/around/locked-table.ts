import { Client } from 'pg';
import { refusedRound, steadily } from '../traffic.ts';
import { traceOf, type Scenario } from './scenario.ts';

/** More changes at once than the pool has connections. */
const changes = 24;

/** A session of another program locks a table and then does nothing, as a migration by hand in an open terminal does. */
export const lockedTable = (): Scenario => {
  let session: Client | undefined;
  return {
    alert: 'PoolRequestsWaiting',
    variant: 'locked table',
    fault: `another program locks a table in an open transaction, and ${changes} changes at once wait for it`,
    inject: async ({ primaryUrl }) => {
      session = new Client({ connectionString: primaryUrl, application_name: 'by_hand' });
      // The runbook ends the session from outside.
      session.on('error', () => {});
      await session.connect();
      await session.query('begin');
      // A change of the service selects its row for update, which has to wait. Reads go on.
      await session.query('lock table webhook in exclusive mode');
    },
    meet: async (stack, token) => {
      const answers = await steadily(changes, () => refusedRound(stack, token));
      const refused = answers.find(({ body }) => body['code'] === 'database_pool_exhausted');
      return refused && traceOf(refused);
    },
    log: ({ code }) => code === 'database_pool_exhausted',
    end: () => session?.end().catch(() => {}),
  };
};
