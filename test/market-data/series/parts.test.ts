import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { createTwelveDataHttp } from '#src/market-data/providers/twelve-data-http.ts';
import { createTwelveData } from '#src/market-data/providers/twelve-data.ts';
import { removeOldFetchedSeries } from '#src/market-data/refresh/fetch/fetched-series.ts';
import { createRefreshService, type RefreshServiceDeps } from '#src/market-data/refresh/refresh-service.ts';
import { eventually } from '#testkit/eventually.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { apiKey } from '#testkit/servers/providers/twelve-data-server.ts';
import { setupPair, wireBar } from './setup.ts';
import { createPatientPolicy } from './patient-policy.ts';

const symbols = Array.from({ length: 30 }, (_, asset) => `P${asset}`);
const thirty: Universe = {
  name: 'thirty',
  interval: '1month',
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: [{ code: 'THIRTY_EW', name: 'Thirty', method: 'equal_weighted', constituents: symbols }],
};
/** 8 credits for each minute. A test begins the minutes itself. Without credits the next attempt is after `waitMs`. */
const createTestMinutes = (waitMs: number) => {
  let left = 8;
  return {
    max: 8,
    take: async (count: number): Promise<number> => {
      if (count > left) return waitMs;
      left -= count;
      return 0;
    },
    nextMinute: (): void => void (left = 8),
    noLimit: (): void => void (left = Infinity),
  };
};

const setupThirty = async (t: ExecutionContext, waitMs = 20) => {
  const { server, setBars, deps, admin } = await setupPair(t);
  for (const [asset, symbol] of symbols.entries()) {
    setBars(
      symbol,
      Array.from({ length: 30 }, (_, month) => wireBar(month, 50 + asset + Math.sin(month))),
    );
  }
  const http = createTwelveDataHttp({ baseUrl: server.url, apiKey, connectTimeoutMs: 2_000 });
  t.teardown(http.close);
  const policy = createPatientPolicy('twelve_data');
  const credits = createTestMinutes(waitMs);
  const provider = createTwelveData({ http, policy, credits, timeoutMs: 10_000, clock: systemClock });
  const serviceOf = (
    universe: Universe = thirty,
    timeouts: object = { creditsMs: 60_000 },
    more: Partial<RefreshServiceDeps> = {},
  ) => {
    const service = createRefreshService({
      ...deps,
      provider,
      universes: fixedUniverses([universe]),
      historyDays: 7,
      timeouts: { fetchMs: 5_000, applyMs: 20_000, ...timeouts },
      ...more,
    });
    t.teardown(() => service.close());
    return service;
  };
  const staged = async (): Promise<number> =>
    Number((await admin.query('select count(*)::int as count from fetched_series'))[0]?.['count']);
  const asked = (): string[] => server.requests.flatMap(({ query }) => query.get('symbol')!.split(','));
  return { server, admin, deps, serviceOf, staged, asked, credits };
};

const request = { universe: 'thirty', trigger: 'request' } as const;

test('30 symbols on 8 credits a minute are fetched over minutes, and the record shows the progress', async (t) => {
  const { admin, serviceOf, staged, asked, server, credits } = await setupThirty(t);
  const { record, ended } = await serviceOf().start({ ...request, waited: false });
  for (const fetched of [8, 16, 24]) {
    await eventually(async () => {
      const [row] = await admin.query('select assets, rows_read, status from refresh where id = $1', [record.id]);
      return row?.['status'] === 'running' && row['assets'] === fetched && row['rows_read'] === fetched * 30;
    }, `the record shows ${fetched} series`);
    credits.nextMinute();
  }
  t.like(await ended, { status: 'succeeded', assets: 30, prices: 900, rows_read: 900, index_values: 30 });
  t.is(server.requests.length, 4);
  t.deepEqual(asked().toSorted(), symbols.toSorted());
  t.is(await staged(), 0, 'nothing is left behind');
});

test('a refresh that was interrupted continues with the series that are missing', async (t) => {
  const { serviceOf, staged, asked, credits } = await setupThirty(t);
  const first = serviceOf();
  const { ended } = await first.start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  credits.nextMinute();
  await eventually(async () => (await staged()) === 16, 'two parts are fetched');
  await first.close();
  t.like(await ended, { status: 'failed', reason: 'shutting_down' });
  t.is(asked().length, 16);
  credits.noLimit();
  t.like(await serviceOf().run(request), { status: 'succeeded', assets: 30, prices: 900 });
  t.deepEqual(asked().toSorted(), symbols.toSorted(), 'each symbol was asked for once');
  t.is(await staged(), 0);
});

test('the start enqueues the universe of an interrupted fetch, and waits for nothing', async (t) => {
  const { serviceOf, staged, server } = await setupThirty(t);
  const first = serviceOf();
  await first.start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  await first.close();
  const before = server.requests.length;
  const enqueued: string[] = [];
  const started = serviceOf(thirty, undefined, { enqueue: async (universe) => void enqueued.push(universe) });
  await started.refreshStale({ staleAfterMs: 1e15 });
  t.deepEqual(enqueued, ['thirty']);
  t.is(server.requests.length, before);
});

test('the start enqueues a small universe too, because the credits of its provider can be spent', async (t) => {
  const { serviceOf, server } = await setupThirty(t);
  const enqueued: string[] = [];
  const small = { ...thirty, assets: thirty.assets.slice(0, 2) };
  await serviceOf(small, undefined, { enqueue: async (universe) => void enqueued.push(universe) }).refreshStale({
    staleAfterMs: 1e15,
  });
  t.deepEqual(enqueued, ['thirty']);
  t.is(server.requests.length, 0);
});

test('series of an interrupted refresh are not used for another question, or after some hours', async (t) => {
  const { admin, serviceOf, staged, asked, credits } = await setupThirty(t);
  const first = serviceOf();
  await first.start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  await first.close();
  credits.noLimit();
  await admin.query(
    `update fetched_series set fetched_at = now() - interval '7 hours' where symbol in ('P0', 'P1', 'P2')`,
  );
  t.is((await serviceOf().run(request)).status, 'succeeded');
  t.is(asked().length, 30 + 3);
  await admin.query('delete from price');
  credits.nextMinute();
  const second = serviceOf();
  await second.start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  await second.close();
  credits.noLimit();
  const again = asked().length;
  t.is((await serviceOf({ ...thirty, from: '1999-01-01' }).run(request)).status, 'succeeded');
  t.is(asked().length, again + 30);
});

test('a symbol that left the universe after an interrupted fetch is not applied', async (t) => {
  const { serviceOf, staged, credits } = await setupThirty(t);
  const first = serviceOf();
  await first.start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  await first.close();
  credits.noLimit();
  const rest = symbols.slice(1);
  const smaller: Universe = {
    ...thirty,
    assets: thirty.assets.slice(1),
    indexes: [{ code: 'THIRTY_EW', name: 'Thirty', method: 'equal_weighted', constituents: rest }],
  };
  t.like(await serviceOf(smaller).run(request), { status: 'succeeded', assets: 29, prices: 870, rows_read: 870 });
  t.is(await staged(), 0);
});

test('the retention keeps the parts of a running refresh; without them nothing is applied', async (t) => {
  const { admin, deps, serviceOf, staged, credits } = await setupThirty(t);
  const { ended } = await serviceOf().start({ ...request, waited: false });
  await eventually(async () => (await staged()) === 8, 'a part is fetched');
  await admin.query(`update fetched_series set fetched_at = now() - interval '7 hours'`);
  const clean = () => deps.unitOfWork.run({ operation: 'retention' }, removeOldFetchedSeries);
  t.is(await clean(), 0);
  await admin.query(`delete from fetched_series where symbol = 'P1'`);
  credits.noLimit();
  t.like(await ended, { status: 'rolled_back', reason: 'database_conflict' });
  await admin.query(`update fetched_series set fetched_at = now() - interval '7 hours'`);
  t.true((await clean()) > 0);
});

test('a refusal of the provider because of its limit is waited for; another fault ends the refresh', async (t) => {
  const { server, serviceOf, staged, credits } = await setupThirty(t);
  credits.noLimit();
  server.fault = { kind: 'throttle', retryAfter: '1' };
  const { ended } = await serviceOf().start({ ...request, waited: false });
  await eventually(() => server.requests.length >= 1, 'the first request is refused');
  server.fault = undefined;
  t.is((await ended).status, 'succeeded');
  server.fault = { kind: 'status', status: 500 };
  t.like(await serviceOf().run(request), { status: 'failed', reason: 'external_api_bad_response' });
  t.is(await staged(), 0);
});

test('without patience a universe with more symbols than credits fails as before', async (t) => {
  const { serviceOf } = await setupThirty(t, 20_000);
  t.like(await serviceOf(thirty, {}).run(request), { status: 'failed', reason: 'external_api_unavailable' });
});
