import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { request } from 'undici';
import { topStatementsRoute } from '#src/compose/top-statements-route.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { createAdminServer } from '#src/telemetry/admin/admin-server.ts';
import { eventually } from '#testkit/eventually.ts';

/** The admin port over a database that answers a statement when the test says so. */
const setup = async (t: ExecutionContext) => {
  const state = { arrived: 0, running: 0, mostAtOnce: 0, lists: 0, down: false };
  let answer = Promise.withResolvers<void>();
  const query = async (statement: string): Promise<object[]> => {
    if (statement.includes('pg_extension')) return [{}];
    state.lists += 1;
    state.running += 1;
    state.mostAtOnce = Math.max(state.mostAtOnce, state.running);
    await answer.promise;
    state.running -= 1;
    if (state.down) throw new AppError('database_unavailable');
    return [{ query: 'select 1', calls: state.lists }];
  };
  const reader = { query } as unknown as Reader;
  const route = topStatementsRoute({ reader, clock: systemClock });
  const server = createAdminServer({
    registry: new Registry(),
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    extraRoutes: [
      {
        ...route,
        handle: (asked) => {
          state.arrived += 1;
          return route.handle(asked);
        },
      },
    ],
  });
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const call = async (order: string) => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/queries/top?order=${order}`);
    return { status: statusCode, body: (await body.json()) as { data?: { calls: number }[]; code?: string } };
  };
  const release = (): void => {
    answer.resolve();
    answer = Promise.withResolvers();
    answer.resolve();
  };
  return { state, call, release };
};

test('a hundred requests at once share a few statements, which run one after the other', async (t) => {
  const { state, call, release } = await setup(t);
  const first = call('total');
  await eventually(() => state.running === 1, 'the first statement runs');
  const others = Array.from({ length: 99 }, () => call('total'));
  const byCalls = call('calls');
  await eventually(() => state.arrived === 101, 'all requests have arrived');
  t.is(state.lists, 1);
  release();
  t.is((await first).body.data?.[0]?.calls, 1);
  const answers = await Promise.all([...others, byCalls]);
  t.true(answers.every(({ status }) => status === 200));
  t.is(state.lists, 3, 'the first one, one for all others, and one in another order');
  t.is(state.mostAtOnce, 1);
});

test('a refusal of the database is answered to all that wait, and the next request asks again', async (t) => {
  const { state, call, release } = await setup(t);
  state.down = true;
  const waiting = Array.from({ length: 5 }, () => call('mean'));
  await eventually(() => state.running === 1, 'a statement runs');
  release();
  for (const { status, body } of await Promise.all(waiting)) t.like([status, body.code], [503, 'database_unavailable']);
  state.down = false;
  t.is((await call('mean')).status, 200);
  t.is((await call('other')).status, 422);
});
