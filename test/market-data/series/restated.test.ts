import test from 'ava';
import { compareState } from '#src/audit/replay.ts';
import { fingerprint } from '../setup.ts';
import { closesOf, setupPair, timesPrices, wireBar } from './setup.ts';

/** Twenty months from 100 to 111; the low of every second month is far below the close. */
const history = Array.from({ length: 20 }, (_, month) => {
  const close = 100 + (11 * month) / 19;
  return wireBar(month, close, close * (month % 2 === 0 ? 0.97 : 0.75));
});
const steady = Array.from({ length: 20 }, (_, month) => wireBar(month, 50 + month));
const near = (a: number | undefined, b: number): boolean => Math.abs((a ?? Number.NaN) / b - 1) < 1e-6;

test('a history divided by four after a split replaces the whole series, with the factor in all records', async (t) => {
  const { setBars, refresh, closes, values, metrics, logged, admin } = await setupPair(t);
  setBars('MSFT', history);
  setBars('IBM', steady);
  t.is((await refresh()).status, 'succeeded');
  t.true(near((await values('MSFT_X')).at(-1), 1110));

  const restated = [...history, wireBar(20, 112)].map((each) => timesPrices(each, 1 / 4));
  setBars('MSFT', restated);
  const record = await refresh();

  t.like(record, { status: 'succeeded', quarantined: 0, prices: 41, series_held_back: [] });
  t.deepEqual(record.series_replaced, [{ symbol: 'MSFT', reason: 'restated', factor: 0.25 }]);
  t.deepEqual(await closes('MSFT'), closesOf(restated));
  t.true(near((await values('MSFT_X')).at(-2), 1110));
  t.is(metrics.value('volwatch_series_replaced_total', { reason: 'restated' }), 1);
  const line = logged.find(({ message }) => message.startsWith('the stored history of series was replaced'));
  t.like(line?.fields, { universe: 'pair', replaced: 1, series: record.series_replaced });
  const [event] = await admin.query(
    `select data->'series_replaced' as replaced from audit_event where action = 'refresh.applied' and target = $1`,
    [record.id],
  );
  t.deepEqual(event?.['replaced'], record.series_replaced);

  const again = await refresh();
  t.like(again, { status: 'succeeded', quarantined: 0, series_replaced: [] });
});

test('a short history of two bars with different lows is one event too', async (t) => {
  const { setBars, refresh, values } = await setupPair(t);
  const two = [wireBar(0, 100, 97), wireBar(1, 100, 75), wireBar(2, 111, 110)];
  setBars('MSFT', two);
  setBars('IBM', steady);
  await refresh();
  setBars(
    'MSFT',
    two.map((each) => timesPrices(each, 1 / 4)),
  );
  const record = await refresh();
  t.deepEqual(record.series_replaced, [{ symbol: 'MSFT', reason: 'restated', factor: 0.25 }]);
  t.true(near((await values('MSFT_X')).at(-1), 1110));
});

test('a common factor above the limit holds the whole series back, and the other series are stored', async (t) => {
  const { setBars, refresh, closes, admin, metrics, database } = await setupPair(t);
  setBars('MSFT', history);
  setBars('IBM', steady);
  await refresh();
  const before = await fingerprint(admin);

  setBars(
    'MSFT',
    [...history, wireBar(20, 112)].map((each) => timesPrices(each, 100)),
  );
  setBars('IBM', [...steady, wireBar(20, 71)]);
  const record = await refresh();

  t.like(record, { status: 'succeeded_with_quarantine', error: null, quarantined: 21, prices: 21 });
  t.deepEqual(record.series_held_back, [{ symbol: 'MSFT', reason: 'restated', factor: 100 }]);
  t.deepEqual(await closes('MSFT'), closesOf(history));
  t.is(Object.keys(await closes('IBM')).length, 21);
  t.is(metrics.value('volwatch_prices_quarantined_total', { universe: 'pair' }), 21);
  const reasons = await admin.query('select distinct reason from price_quarantine');
  t.deepEqual(reasons, [{ reason: 'restated' }]);
  t.deepEqual(await compareState(database.reader), [], 'the record can be rebuilt from its audit events');

  setBars('MSFT', history);
  setBars('IBM', steady);
  t.is((await refresh()).status, 'succeeded');
  t.deepEqual(await fingerprint(admin), before);
});

test('prices before a split are adjusted later than the split: the older part is one event', async (t) => {
  const { setBars, refresh, closes, values, admin } = await setupPair(t);
  const after = Array.from({ length: 6 }, (_, month) => wireBar(20 + month, 28 + month));
  setBars('MSFT', [...history, ...after]);
  setBars('IBM', steady);
  t.is((await refresh()).status, 'succeeded');

  const adjusted = history.map((each) => timesPrices(each, 1 / 4));
  const wrong = timesPrices(adjusted[7]!, 40);
  setBars('MSFT', [...adjusted.with(7, wrong), ...after]);
  const record = await refresh();

  t.like(record, { status: 'succeeded_with_quarantine', quarantined: 1 });
  t.deepEqual(record.series_replaced, [{ symbol: 'MSFT', reason: 'restated', factor: 0.25 }]);
  // The stored bar of the held-back one is in the new unit too.
  const expected = closesOf([...adjusted, ...after]);
  for (const [date, close] of Object.entries(await closes('MSFT'))) t.true(near(close, expected[date]!), date);
  t.true(near((await values('MSFT_X')).at(-1), (1000 * 33) / 25));
  const held = await admin.query('select date::text as date, reason from price_quarantine');
  t.deepEqual(held, [{ date: wrong.datetime, reason: 'moved_too_far' }]);
});

test('a factor on a part of the history that makes a jump holds the whole series back', async (t) => {
  const { setBars, refresh, closes } = await setupPair(t);
  setBars('MSFT', history);
  setBars('IBM', steady);
  await refresh();
  const parts = [
    [0, 9],
    [6, 14],
    [12, 20],
  ] as const;
  for (const [from, to] of parts) {
    for (const factor of [1 / 3, 3, 10]) {
      setBars(
        'MSFT',
        history.map((each, month) => (month >= from && month < to ? timesPrices(each, factor) : each)),
      );
      const record = await refresh();
      t.is(record.status, 'succeeded_with_quarantine', `${from} ${factor}`);
      t.like(record.series_held_back[0], { symbol: 'MSFT', reason: 'restated' });
      t.deepEqual(await closes('MSFT'), closesOf(history));
    }
  }
});

test('answers without a common factor whose bars moved too far hold the whole series back', async (t) => {
  const { setBars, refresh, closes } = await setupPair(t);
  setBars('MSFT', history);
  setBars('IBM', steady);
  await refresh();
  setBars(
    'MSFT',
    history.map((each, month) => timesPrices(each, 2 + (month % 9))),
  );
  const record = await refresh();
  t.deepEqual(record.series_held_back, [{ symbol: 'MSFT', reason: 'moved_too_far' }]);
  t.is(record.quarantined, 20);
  t.deepEqual(await closes('MSFT'), closesOf(history));
});

test('small corrections, as for a dividend, are stored and not reported as a restatement', async (t) => {
  const { setBars, refresh, closes } = await setupPair(t);
  setBars('MSFT', history);
  setBars('IBM', steady);
  await refresh();
  const corrected = history.map((each, month) => (month < 12 ? timesPrices(each, 0.994) : each));
  setBars('MSFT', corrected);
  t.like(await refresh(), { status: 'succeeded', quarantined: 0, series_replaced: [] });
  t.deepEqual(await closes('MSFT'), closesOf(corrected));
});
