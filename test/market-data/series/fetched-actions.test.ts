import test from 'ava';
import type { FetchedSeries, MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { tiingoBar } from '#testkit/servers/providers/tiingo-server.ts';
import { days, fixedPrice, plainProvider, setupActions, universeOf } from './setup-actions.ts';

test('prices are stored as they were traded: reads adjust for splits, and dividends feed the total return', async (t) => {
  const { server, refresh, actions, lastValue, database } = await setupActions(t);
  server.bars.set('T0', [
    ...fixedPrice(0, 10, 100),
    tiingoBar(days[10]!, 10, { splitFactor: 10 }),
    ...fixedPrice(11, 20, 10),
    tiingoBar(days[20]!, 10, { divCash: 1 }),
    ...fixedPrice(21, 30, 10),
  ]);
  t.like(await refresh(), { status: 'succeeded', prices: 30, quarantined: 0 });
  t.deepEqual(await actions(), [`${days[10]} dividend split 10 shares`, `${days[20]} dividend 1 split shares`]);
  t.is(await lastValue('PLAIN'), 1_000, 'a split changes no index');
  t.is(await lastValue('TOTAL'), 1_100, 'the dividend of a tenth is reinvested');
  const queries = createMarketDataQueries({
    reader: database.reader,
    primary: database.reader,
    explanationPlaces: undefined as never,
  });
  const closesOf = async (adjusted: boolean): Promise<number[]> => {
    const page = { after: null, from: null, to: null, limit: 100, descending: false, unadjusted: !adjusted };
    return (await queries.prices('T0', page))?.map(({ close }) => close) ?? [];
  };
  t.deepEqual(new Set(await closesOf(true)), new Set([10]));
  t.deepEqual(new Set(await closesOf(false)), new Set([100, 10]));
});

test('a split in the new days needs no other history, and changes no stored price', async (t) => {
  const { server, refresh, actions, lastValue, admin } = await setupActions(t);
  await refresh();
  server.bars.get('T0')!.push(tiingoBar(days[30]!, 26, { splitFactor: 4 }));
  t.like(await refresh(), { status: 'succeeded', quarantined: 0, series_replaced: [] });
  t.is(server.requests.at(-1)?.query.get('startDate'), days[20], 'only the end is asked for');
  t.is(server.requests.length, 2);
  t.deepEqual(await actions(), [`${days[30]} dividend split 4 shares`]);
  t.is((await admin.query('select 1 from price where close = 100')).length, 30);
  t.is(await lastValue('PLAIN'), 1_040);
});

test('an action that the provider withdraws or corrects is removed or changed, with the indexes; shares stay', async (t) => {
  const { server, refresh, actions, lastValue, admin } = await setupActions(t);
  const bars = server.bars.get('T0')!;
  bars[24]!.divCash = 10;
  bars[26]!.divCash = 3;
  await refresh();
  t.is(await lastValue('TOTAL'), 1_000 * 1.1 * 1.03);
  await admin.query(
    `insert into corporate_actions (asset_id, date, shares) select id, $1, 500 from asset where symbol = 'T0'
     on conflict (asset_id, date) do update set shares = 500`,
    [days[24]],
  );
  bars[24]!.divCash = 0;
  bars[26]!.divCash = 2;
  t.like(await refresh(), { status: 'succeeded' });
  t.deepEqual(await actions(), [`${days[24]} dividend split shares 500`, `${days[26]} dividend 2 split shares`]);
  t.is(await lastValue('TOTAL'), 1_020);
  bars[26]!.divCash = 0;
  await refresh();
  t.deepEqual(await actions(), [`${days[24]} dividend split shares 500`]);
  t.is(await lastValue('TOTAL'), 1_000);
});

test('an action before the asked days stays', async (t) => {
  const { server, refresh, actions } = await setupActions(t);
  server.bars.get('T0')![5]!.divCash = 10;
  await refresh();
  server.bars.get('T0')!.push(tiingoBar(days[30]!, 101));
  await refresh();
  t.is(server.requests.at(-1)?.query.get('startDate'), days[20]);
  t.deepEqual(await actions(), [`${days[5]} dividend 10 split shares`]);
});

test('a universe that is fetched in parts keeps the actions of each part', async (t) => {
  const { server, refresh, actions } = await setupActions(t, 12);
  server.bars.get('T3')![5]!.divCash = 10;
  server.bars.set('T11', [
    ...fixedPrice(0, 10, 100),
    tiingoBar(days[10]!, 50, { splitFactor: 2 }),
    ...fixedPrice(11, 30, 50),
  ]);
  t.like(await refresh(), { status: 'succeeded', assets: 12, prices: 360, quarantined: 0 });
  t.is(server.requests.length, 12);
  t.deepEqual(await actions('T3'), [`${days[5]} dividend 10 split shares`]);
  t.deepEqual(await actions('T11'), [`${days[10]} dividend split 2 shares`]);
});

test('a series that is held back as a whole gets no actions', async (t) => {
  const { server, refresh, actions } = await setupActions(t);
  await refresh();
  server.bars.set('T0', fixedPrice(0, 30, 100_000));
  server.bars.get('T0')![25]!.divCash = 7;
  t.like(await refresh(), { status: 'succeeded_with_quarantine' });
  t.deepEqual(await actions(), []);
});

test('data of an earlier fetch add actions, and remove and change none', async (t) => {
  const { server, provider, refresh, actions } = await setupActions(t);
  server.bars.get('T0')![24]!.divCash = 10;
  await refresh();
  const earlier: FetchedSeries[] = (
    await provider.fetch(universeOf(1), new AbortController().signal, { fallback: false })
  ).series.map(({ symbol, prices }) => ({
    symbol,
    prices: prices.map((bar, place) => ({
      ...bar,
      dividend: place === 24 ? 11 : place === 27 ? 2 : null,
    })),
  }));
  const cached: MarketDataProvider = { source: 'tiingo', fetch: async () => ({ source: 'cache', series: earlier }) };
  t.like(await refresh(cached), { status: 'succeeded' });
  t.deepEqual(await actions(), [`${days[24]} dividend 10 split shares`, `${days[27]} dividend 2 split shares`]);
});

test('data of an earlier fetch add no action to a month that has one', async (t) => {
  const { server, provider, refresh, actions } = await setupActions(t, 1, '1month');
  const bars = server.bars.get('T0')!;
  bars[27]!.divCash = 10;
  const fetch = () =>
    provider
      .fetch(universeOf(1, '1month'), new AbortController().signal, { fallback: false })
      .then(({ series }) => series);
  const newest = bars.pop()!;
  const earlier = await fetch();
  t.like(earlier[0]?.prices.at(-1), { date: days[28], dividend: 10 });
  bars.push(newest);
  await refresh();
  t.deepEqual(await actions(), [`${days[29]} dividend 10 split shares`]);
  t.like(await refresh({ source: 'tiingo', fetch: async () => ({ source: 'cache', series: earlier }) }), {
    status: 'succeeded',
  });
  t.deepEqual(await actions(), [`${days[29]} dividend 10 split shares`]);
});

test('a series whose source is not known loses its actions when it gets one, with the indexes', async (t) => {
  const { server, refresh, actions, lastValue, admin } = await setupActions(t);
  server.bars.get('T0')![24]!.divCash = 10;
  await refresh();
  t.is(await lastValue('TOTAL'), 1_100);
  await admin.query('update asset set price_source = null');
  t.like(await refresh(plainProvider(100)), { status: 'succeeded', series_replaced: [] });
  t.deepEqual(await actions(), []);
  t.is(await lastValue('TOTAL'), 1_000);
});

test('prices of another source are not adjusted by the splits of the former one', async (t) => {
  const { server, refresh, actions, lastValue, admin } = await setupActions(t);
  server.bars.set('T0', [
    ...fixedPrice(0, 10, 100),
    tiingoBar(days[10]!, 10, { splitFactor: 10 }),
    ...fixedPrice(11, 30, 10),
  ]);
  await refresh();
  await admin.query(
    `insert into corporate_actions (asset_id, date, dividend, shares) select id, $1, 1, 500 from asset where symbol = 'T0'`,
    [days[12]],
  );
  // The other source has prices that are adjusted for the split already.
  t.like(await refresh(plainProvider(10)), { status: 'succeeded', series_replaced: [{ reason: 'source_changed' }] });
  t.deepEqual(await actions(), []);
  t.is(await lastValue('PLAIN'), 1_000);
  t.is(await lastValue('TOTAL'), 1_000);
});

test('numbers of shares stay at a change between sources with prices as they were traded', async (t) => {
  const { server, refresh, actions, admin } = await setupActions(t);
  await refresh();
  await admin.query(`update asset set price_source = 'upload'`);
  await admin.query(
    `insert into corporate_actions (asset_id, date, split_factor, shares) select id, $1, 4, 500 from asset where symbol = 'T0'`,
    [days[12]],
  );
  server.bars.set('T0', fixedPrice(0, 30, 100));
  t.like(await refresh(), { status: 'succeeded', series_replaced: [{ reason: 'source_changed' }] });
  t.deepEqual(await actions(), [`${days[12]} dividend split shares 500`]);
});

test('numbers of shares that an earlier version kept beside adjusted prices are removed by the next refresh', async (t) => {
  const { refresh, actions, admin } = await setupActions(t);
  await refresh(plainProvider(100));
  await admin.query(
    `insert into corporate_actions (asset_id, date, shares) select id, $1, 500 from asset where symbol = 'T0'`,
    [days[12]],
  );
  t.like(await refresh(plainProvider(100)), { status: 'succeeded', series_replaced: [] });
  t.deepEqual(await actions(), []);
});
