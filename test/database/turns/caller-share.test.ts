import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createSharedPlaces } from '#src/kernel/requests/callers/shared-places.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { setup as setupDatabase } from '../setup.ts';

const operation = 'refresh.apply';
const live = AbortSignal.timeout(60_000);
const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);
const as = <T>(clientIp: string, work: () => Promise<T>, signal = live): Promise<T> =>
  runInRequest({ requestId: 'r', traceId: 't', clientIp, signal, timings: {} }, work);

/** Two of the four connections are held by the caller 192.0.2.1 until `release`. */
const setup = async (t: ExecutionContext, acquireTimeoutMs: number) => {
  const abuse = recordAbuse();
  const base = await setupDatabase(t, { poolMax: 4, maxPerCaller: 2, acquireTimeoutMs, abuse });
  const { unitOfWork, reader } = base.database;
  const gate = Promise.withResolvers<void>();
  const began = Array.from({ length: 2 }, () => Promise.withResolvers<void>());
  const held = began.map(({ resolve }) =>
    as('192.0.2.1', () =>
      unitOfWork.run({ operation }, async ({ query }) => {
        await query('select 1');
        resolve();
        await gate.promise;
      }),
    ),
  );
  await Promise.all(began.map(({ promise }) => promise));
  const read = (): Promise<unknown> => reader.query('select 1');
  return { ...base, abuse, read, release: () => (gate.resolve(), Promise.all(held)) };
};

test('a request that holds a place does not wait for the connections of its caller', async (t) => {
  const { read, release, abuse } = await setup(t, 3_000);
  const places = createSharedPlaces({
    abuse,
    metrics: noMetrics,
    work: 'event_search',
    maxRunning: 1,
    maxWaiting: 1,
    maxPerCaller: 2,
    detailOfCaller: 'Too many',
    detail: 'Others are running',
    retryAfter: 1,
  });
  let ended = false;
  const waiting = outcome(as('192.0.2.1', read)).finally(() => (ended = true));
  await as('192.0.2.1', () => places.use(read));
  t.false(ended, 'the one before it still waits');
  await release();
  t.is(await waiting, 'none');
});

test('one caller holds half of the connections; its further requests end with database_pool_exhausted alone', async (t) => {
  const { read, release, abuse, metrics } = await setup(t, 3_000);
  const excess = Array.from({ length: 8 }, () => outcome(as('192.0.2.1', read)));
  await Promise.all(Array.from({ length: 20 }, () => as('192.0.2.2', read)));
  await Promise.all(Array.from({ length: 20 }, read));
  t.deepEqual(new Set(await Promise.all(excess)), new Set(['database_pool_exhausted']));
  t.is(abuse.kinds.filter((kind) => kind === 'concurrency_by_caller').length, 8);
  t.is(
    metrics.value('db_client_connection_timeouts_total', { pool: 'primary' }),
    0,
    'the pool itself is not exhausted',
  );
  await release();
  await Promise.all(Array.from({ length: 20 }, () => as('192.0.2.1', read)));
});

test('a request that waits for the share of its caller goes on when a connection is free, and ends when it aborts', async (t) => {
  const { read, release } = await setup(t, 30_000);
  const controller = new AbortController();
  const aborted = outcome(as('192.0.2.1', read, controller.signal));
  const waiting = Array.from({ length: 5 }, () => as('192.0.2.1', read));
  // The requests must be in the queue of their caller before the abort. No metric counts this queue.
  await sleep(20);
  controller.abort();
  t.is(await aborted, 'database_pool_exhausted');
  await release();
  await Promise.all(waiting);
});

test('work under a lock takes its second connection although the share is one', async (t) => {
  const { database } = await setupDatabase(t, { poolMax: 2, maxPerCaller: 1, acquireTimeoutMs: 2_000 });
  const result = await as('192.0.2.1', () =>
    database.lock.tryWith('name', () =>
      database.unitOfWork.run({ operation }, ({ query }) => query('select 1 as one')),
    ),
  );
  t.deepEqual(result?.value, [{ one: 1 }]);
});

test('requests with places hold half of the connections, wait for the others, and need no second turn', async (t) => {
  const { database } = await setupDatabase(t, { poolMax: 4, acquireTimeoutMs: 1_000 });
  const { unitOfWork, reader } = database;
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const request = (number: number) => ({
    requestId: 'r',
    traceId: 't',
    clientIp: `192.0.2.${number + 1}`,
    signal: live,
    timings: {},
    placesHeld: 1,
  });
  const works = gates.map(({ promise }, number) =>
    outcome(
      runInRequest(request(number), () =>
        unitOfWork.run({ operation }, async ({ query }) => {
          await query('select 1');
          // A connection beside that of the transaction.
          await reader.query('select 2');
          started.push(number);
          await promise;
        }),
      ),
    ),
  );
  await eventually(() => started.length === 2, 'two have their connections');
  // Longer than the timeout of a connection.
  await sleep(1_200);
  t.is(started.length, 2);
  await as('192.0.2.9', () => unitOfWork.run({ operation }, ({ query }) => query('select 1')));
  for (const { resolve } of gates) resolve();
  t.deepEqual(await Promise.all(works), ['none', 'none', 'none']);
});
