import { Client } from 'pg';
import { newUser } from '#testkit/accounts/new-user.ts';
import type { Stack } from '../stack.ts';
import { refusedRound, steadily } from '../traffic.ts';
import { traceOf, type Scenario } from './scenario.ts';

/** Changes of each caller at once. */
const changes = 8;
/** Besides the client. One caller may use half of the connections only, so the third caller waits for a connection. */
const users = 2;

/** @returns the access token of a new user */
const newToken = async ({ service }: Pick<Stack, 'service'>): Promise<string> => {
  const { status, body } = (await newUser(`${service.url}/api/v1`)).login;
  if (status !== 200) throw new Error(`the user cannot sign in: ${status} ${JSON.stringify(body)}`);
  return String(body['access_token']);
};

/** A session of another program locks a table and then does nothing, as a migration by hand in an open terminal does. */
export const lockedTable = (): Scenario => {
  let session: Client | undefined;
  let tokens: string[] = [];
  return {
    alert: 'PoolRequestsWaiting',
    variant: 'locked table',
    fault: `another program locks a table in an open transaction, and ${(1 + users) * changes} changes of three callers wait for it`,
    inject: async (stack) => {
      tokens = await Promise.all(Array.from({ length: users }, () => newToken(stack)));
      session = new Client({ connectionString: stack.primaryUrl, application_name: 'by_hand' });
      // The runbook ends the session from outside.
      session.on('error', () => {});
      await session.connect();
      await session.query('begin');
      // A change of the service selects its row for update, which has to wait. Reads go on.
      await session.query('lock table webhook in exclusive mode');
    },
    meet: async (stack, token) => {
      const callers = [token, ...tokens].map((each) => steadily(changes, () => refusedRound(stack, each)));
      const answers = (await Promise.all(callers)).flat();
      const refused = answers.find(({ body }) => body['code'] === 'database_pool_exhausted');
      return refused && traceOf(refused);
    },
    log: ({ code }) => code === 'database_pool_exhausted',
    end: () => session?.end().catch(() => {}),
  };
};
