import test from 'ava';
import type { IndexExplanation } from '#src/market-data/reads/explain-index.ts';
import type { Item } from '../setup-http.ts';
import { desk } from '../universes/setup.ts';
import { header, setupUploads } from '../uploads/setup.ts';

const monthly = ['AAA', 'BBB'].flatMap((symbol, index) =>
  ['2024-01-31', '2024-02-29', '2024-03-28'].map((date, month) => `${symbol},${date},${100 + 10 * index + month}\n`),
);
/** Five days of a symbol that rises by a tenth each day. */
const daily = (symbol: string): string =>
  header + [0, 1, 2, 3, 4].map((day) => `${symbol},2024-03-0${4 + day},${100 * 1.1 ** day}\n`).join('');

test('a constituent whose series has another interval than its universe is left out, until bars of the interval come', async (t) => {
  const service = await setupUploads(t, { interval: '1month' });
  const { get, put, send, refreshes, metrics, admin } = service;
  const left = (reason: string) =>
    metrics.value('volwatch_index_constituents_left_out_total', { universe: 'desk', reason });
  const explained = () => get<IndexExplanation>('/indexes/DESK_EW/explain');
  const values = async () =>
    (
      await admin.query(
        `select index_value.date::text as date, round(value::numeric, 6)::float8 as value
         from index_value join market_index on id = index_id where code = 'DESK_EW' order by 1`,
      )
    ).map(({ date, value }) => `${String(date)} ${String(value)}`);
  t.is((await send(header + monthly.join(''))).body['status'], 'succeeded');
  t.deepEqual((await explained()).left_out, []);
  t.is((await values()).length, 3);
  t.is(left('other_interval'), 0);

  const daysOf: Item = { ...desk(), interval: '1day' };
  t.is((await put('desk', daysOf, { 'If-Match': '"1"' })).status, 200);
  await refreshes.run({ universe: 'desk', trigger: 'change' });
  t.deepEqual(await values(), [], 'bars of months are no bars of days');
  t.is(left('other_interval'), 2);

  t.is((await send(daily('AAA'))).body['status'], 'succeeded');
  const one = ['1000', '1100', '1210', '1331', '1464.1'].map((value, day) => `2024-03-0${4 + day} ${value}`);
  t.deepEqual(await values(), one);
  const explanation = await explained();
  t.deepEqual(explanation.left_out, [{ symbol: 'BBB', reason: 'other_interval' }]);
  t.deepEqual(
    explanation.constituents.map(({ symbol }) => symbol),
    ['AAA'],
  );
  t.is(left('other_interval'), 3);
  t.is(left('no_price'), 0);

  t.is((await send(daily('BBB'))).body['status'], 'succeeded');
  t.deepEqual(await values(), one);
  t.deepEqual((await explained()).left_out, []);
  t.is((await explained()).constituents.length, 2);
});
