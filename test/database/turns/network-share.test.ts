import test, { type ExecutionContext } from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { setup as setupDatabase } from '../setup.ts';

const operation = 'refresh.apply';
const signal = AbortSignal.timeout(120_000);
const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);
const as = <T>(user: string, clientIp: string, work: () => Promise<T>): Promise<T> =>
  runInRequest(
    {
      requestId: 'r',
      traceId: 't',
      clientIp,
      principal: { kind: 'user', subject: user, scopes: [] },
      signal,
      timings: {},
    },
    work,
  );

/** A pool of four connections, of which a caller holds at most two, and a network three. */
const setup = async (t: ExecutionContext, acquireTimeoutMs: number, poolMax = 4) => {
  const abuse = recordAbuse();
  const base = await setupDatabase(t, { poolMax, maxPerCaller: 2, acquireTimeoutMs, abuse });
  const { unitOfWork, reader } = base.database;
  const read = (): Promise<unknown> => reader.query('select 1');
  /** Holds one connection. @returns releases it */
  const hold = async (user: string, clientIp: string): Promise<() => Promise<void>> => {
    const gate = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    t.teardown(gate.resolve);
    const held = as(user, clientIp, () =>
      unitOfWork.run({ operation }, async ({ query }) => {
        await query('select 1');
        began.resolve();
        await gate.promise;
      }),
    );
    await Promise.race([began.promise, held]);
    return async () => {
      gate.resolve();
      await held;
    };
  };
  const waiting = (count: number): Promise<void> =>
    eventually(async () => {
      base.database.collect();
      return base.metrics.value('db_client_connection_pending_requests', { pool: 'primary' }) === count;
    }, `${count} requests wait`);
  return { ...base, abuse, read, hold, waiting };
};

test('many accounts of one network with slow statements leave a connection for another network', async (t) => {
  const { database, read } = await setup(t, 30_000);
  let ended = 0;
  const slow = async (): Promise<void> => {
    await database.reader.query('select pg_sleep(0.5)');
    ended += 1;
  };
  const flood = Array.from({ length: 24 }, (_, index) => as(`user-${index % 12}`, '192.0.2.1', slow));
  for (let count = 0; count < 5; count += 1) await as('victim', '198.51.100.1', read);
  t.true(ended <= 6, `${ended} slow statements ended before five short ones of another network`);
  await Promise.all(flood);
});

test('a network that holds its max of connections waits for itself; its excess ends with database_pool_exhausted', async (t) => {
  const { read, hold, abuse, metrics } = await setup(t, 500);
  const held = await Promise.all([1, 2, 3].map((user) => hold(`user-${user}`, '192.0.2.1')));
  t.is(await outcome(as('user-4', '192.0.2.1', read)), 'database_pool_exhausted');
  t.deepEqual(abuse.kinds, ['concurrency_by_caller']);
  t.is(metrics.value('db_client_connection_timeouts_total', { pool: 'primary' }), 0, 'one connection is free');
  t.is(await outcome(as('victim', '198.51.100.1', read)), 'none');
  const next = as('user-4', '192.0.2.1', read);
  await held[0]!();
  await next;
  await Promise.all(held.slice(1).map((release) => release()));
});

test('networks take turns: the next connection is for a newcomer, and jobs get every other one', async (t) => {
  const { read, hold, waiting } = await setup(t, 30_000);
  const networks = [1, 2, 3, 4].map((number) => `192.0.2.${number}`);
  const held = await Promise.all(networks.map((network) => hold(`holder-${network}`, network)));
  const order: string[] = [];
  const record = async (name: string, work: Promise<unknown>): Promise<void> => {
    await work;
    order.push(name);
  };
  const flood = networks.flatMap((network) =>
    [1, 2, 3].map((user) => record('flood', as(`${network}-${user}`, network, read))),
  );
  await waiting(12);
  const jobs = [1, 2, 3].map(() => record('job', read()));
  await waiting(15);
  const newcomer = record('newcomer', as('victim', '198.51.100.1', read));
  await waiting(16);
  // The other three connections stay in use, so all that wait go one after the other.
  await held[0]!();
  await Promise.all([...flood, ...jobs, newcomer]);
  t.deepEqual(order.slice(0, 6), ['job', 'newcomer', 'job', 'flood', 'job', 'flood']);
  await Promise.all(held.slice(1).map((release) => release()));
});

test('work outside of requests holds all connections, and has the timeout of the pool', async (t) => {
  const { database, read, metrics } = await setup(t, 500);
  const gate = Promise.withResolvers<void>();
  const began = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const held = began.map(({ resolve }) =>
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('select 1');
      resolve();
      await gate.promise;
    }),
  );
  await Promise.all(began.map(({ promise }) => promise));
  t.is(await outcome(read()), 'database_pool_exhausted');
  t.is(await outcome(as('user', '192.0.2.1', read)), 'database_pool_exhausted');
  t.is(metrics.value('db_client_connection_timeouts_total', { pool: 'primary' }), 2);
  gate.resolve();
  await Promise.all(held);
  t.is(await outcome(as('user', '192.0.2.1', read)), 'none');
});

test('transactions of requests leave connections for single statements, and those that find none are refused as by a full pool', async (t) => {
  const { read, hold, waiting, metrics, database } = await setup(t, 500, 10);
  const held = await Promise.all(Array.from({ length: 8 }, (_, index) => hold(`holder-${index}`, `192.0.2.${index}`)));
  const begin = (): Promise<void> =>
    database.unitOfWork.run({ operation }, async ({ query }) => void (await query('select 1')));
  const late = outcome(as('late', '198.51.100.1', begin));
  await waiting(1);
  t.is(await outcome(as('victim', '198.51.100.2', read)), 'none');
  t.is(await outcome(begin()), 'none', 'the service may use all connections');
  t.is(await late, 'database_pool_exhausted');
  t.is(metrics.value('db_client_connection_timeouts_total', { pool: 'primary' }), 1);
  const next = as('late', '198.51.100.1', begin);
  await waiting(1);
  await held[0]!();
  await next;
  await Promise.all(held.slice(1).map((release) => release()));
});
