import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import type { IndexExplanation } from '#src/market-data/reads/explain-index.ts';

import type { Item } from '../setup-http.ts';
import { setupUniverses } from '../universes/setup.ts';

const symbols = ['AAA', 'BBB', 'CCC'];
const index = (code: string, method: string, more: Item = {}, used = symbols): Item => ({
  code,
  name: code,
  method,
  constituents: used.map((symbol) => ({ symbol, ...(method === 'fixed_weights' && { weight: 1 / used.length }) })),
  ...more,
});
const universe: Item = {
  source: 'upload',
  interval: '1day',
  assets: symbols.map((symbol) => ({ symbol })),
  indexes: [
    index('EW', 'equal_weighted', { return_type: 'total' }),
    index('PW', 'price_weighted', { return_type: 'total', base_value: 100 }),
    index('CW', 'capitalization_weighted', { return_type: 'total' }),
    index('FW', 'fixed_weights', { rebalance: 'monthly', return_type: 'total' }),
    index('RB', 'rebased', {}, ['AAA']),
  ],
};
const dayOf = (day: number): string => new Date(Date.UTC(2020, 0, 1 + day)).toISOString().slice(0, 10);
const days = 100;
const splitDay = 40;
const dividendDay = 70;

/** Prices as they came, of a universe with one split and one dividend. CCC has no number of shares. */
const setupPrices = async (t: Parameters<typeof setupUniverses>[0]) => {
  const service = await setupUniverses(t);
  const put = await service.put('desk', { ...universe, title: 'first' });
  t.is(put.status, 201, await put.text());
  await service.refreshes.run({ universe: 'desk', trigger: 'change' });
  await service.admin.query(
    `insert into price (asset_id, date, close, volume)
     select id, date '2020-01-01' + day, round((10 * id + sin(id * day))::numeric, 2) / case when symbol = 'AAA' and day >= $1 then 4 else 1 end, 1000
     from asset, generate_series(0, $2::int - 1) as day where symbol = any($3)`,
    [splitDay, days, symbols],
  );
  await service.admin.query(
    `insert into corporate_actions select id, date::date, dividend, split, shares from asset join (values
       ('AAA', '2020-01-01', null, null, 500), ('BBB', '2020-01-01', null, null, 100), ('AAA', $1, null, 4, null),
       ('BBB', $2, 0.5, null, null), ('BBB', '2020-03-20', null, null, 150)
     ) as action (symbol, date, dividend, split, shares) using (symbol)`,
    [dayOf(splitDay), dayOf(dividendDay)],
  );
  await service.admin.query('update market_index set calculation = null');
  const record = await service.refreshes.run({ universe: 'desk', trigger: 'request' });
  t.is(record.status, 'succeeded');
  return service;
};

test('each value of each method follows from the explained prices, shares, dividends and divisor', async (t) => {
  const { get, admin } = await setupPrices(t);
  for (const code of ['EW', 'PW', 'CW', 'FW', 'RB']) {
    const values = await admin.query(
      `select index_value.date::text as date, value from index_value join market_index on id = index_id
       where code = $1 order by date`,
      [code],
    );
    t.is(values.length, days);
    const points = values.map(({ date, value }) => ({ date: String(date), value: Number(value) }));
    for (const { date, value } of points.filter((_, day) => day % 9 === 0 || [splitDay, dividendDay].includes(day))) {
      const explained = await get<IndexExplanation>(`/indexes/${code}/explain?date=${date}`);
      t.is(explained.value, value, `${code} ${date}`);
      const sum = explained.constituents.reduce(
        (total, { price, dividend = 0, shares }) => total + (price + dividend) * shares,
        0,
      );
      t.true(Math.abs(sum / explained.divisor! / value - 1) < 1e-12, `${code} ${date}`);
      const weights = explained.constituents.reduce((total, { weight }) => total + weight, 0);
      t.true(Math.abs(weights - 1) < 1e-12);
    }
  }
});

test('an explanation names what changed, and the divisor change is recorded', async (t) => {
  const { get } = await setupPrices(t);
  const explain = (code: string, day: number) => get<IndexExplanation>(`/indexes/${code}/explain?date=${dayOf(day)}`);

  const first = await explain('PW', 0);
  t.deepEqual(first.events, [{ type: 'started' }]);
  t.is(first.value, 100);
  t.is(first.divisor_change?.before, null);

  const split = await explain('PW', splitDay);
  t.deepEqual(split.events, [{ type: 'split', symbol: 'AAA', amount: 4 }]);
  t.deepEqual(split.divisor_change?.causes, ['split']);
  t.is(split.divisor_change?.date, dayOf(splitDay));
  t.true(split.divisor_change!.after < split.divisor_change!.before!);
  t.is(split.divisor, split.divisor_change!.after);
  // AAA fell from about 10 to about 2.5: the return is that of shares of today.
  t.true(Math.abs(split.constituents[0]!.change!) < 0.3);

  const paid = await explain('FW', dividendDay);
  t.deepEqual(paid.events, [{ type: 'dividend', symbol: 'BBB', amount: 0.5 }]);
  t.is(paid.constituents.find(({ symbol }) => symbol === 'BBB')?.dividend, 0.5);

  t.deepEqual((await explain('FW', 31)).events, [{ type: 'rebalanced' }]);
  t.is((await explain('EW', 50)).divisor_change, null);

  const capitalization = await explain('CW', splitDay);
  t.deepEqual(capitalization.left_out, [{ symbol: 'CCC', reason: 'no_shares' }]);
  t.is(capitalization.constituents[0]?.shares, 2_000);
  t.is(capitalization.divisor_change?.date, dayOf(0), 'a split of the number of shares leaves the divisor as it is');
  t.deepEqual((await explain('CW', 79)).events, [{ type: 'shares', symbol: 'BBB', amount: 150 }]);
});

test('an index without the day, an unknown index and a definition without values are refused; the last day is cached', async (t) => {
  const { get, call, put, refreshes, metrics } = await setupPrices(t);
  t.is((await get(`/indexes/NO/explain`, 404))['code'], 'resource_not_found');
  t.regex(String((await get('/indexes/PW/explain?date=2030-01-01', 404))['detail']), /2020-04-09/);
  await get('/indexes/PW/explain?date=2019-01-01', 404);
  await get('/indexes/PW/explain?date=yesterday', 422);

  const last = await call('/api/v1/indexes/PW/explain');
  t.is(last.status, 200);
  t.is(((await last.json()) as Item)['date'], dayOf(days - 1));
  const again = await call('/api/v1/indexes/PW/explain');
  t.regex(again.headers.get('Cache-Status') ?? '', /hit/);

  const changed = { ...universe, indexes: [index('PW', 'price_weighted', { base_value: 50 })] };
  t.is((await put('desk', changed, { 'If-Match': '"1"' })).status, 200);
  const outdated = await call(`/api/v1/indexes/PW/explain?date=${dayOf(5)}`);
  t.is(outdated.status, 409);
  t.is(((await outdated.json()) as Item)['code'], 'index_not_calculated');
  t.truthy(outdated.headers.get('Retry-After'));
  await refreshes.run({ universe: 'desk', trigger: 'change' });
  t.is((await get(`/indexes/PW/explain?date=${dayOf(0)}`))['value'], 50);

  t.is(metrics.value('volwatch_index_constituents_left_out_total', { universe: 'desk', reason: 'no_shares' }), 1);
  t.is(metrics.value('volwatch_index_constituents_left_out_total', { universe: 'desk', reason: 'no_price' }), 13);
  t.true(metrics.value('volwatch_index_calculations_total', { extent: 'all' }) >= 10);
});

test('an explanation is of one state while refreshes commit between its statements', async (t) => {
  const { database, admin, refreshes, get } = await setupPrices(t);
  const before = await get<IndexExplanation>('/indexes/PW/explain?date=2020-03-05');
  let changes = 0;
  const change = async (): Promise<void> => {
    changes += 1;
    await admin.query('update price set close = close * 2');
    await admin.query('update market_index set calculation = null');
    t.is((await refreshes.run({ universe: 'desk', trigger: 'request' })).status, 'succeeded');
  };
  const { explainIndex } = createMarketDataQueries({
    reader: {
      ...database.reader,
      snapshot: (work) =>
        database.reader.snapshot(({ query }) => {
          const changed: Query = async (text, parameters) => {
            const rows = await query<never>(text, parameters);
            if (changes < 6) await change();
            return rows;
          };
          return work({ query: changed });
        }),
    },
    primary: database.reader,
    explanationPlaces: { use: (work) => work() },
  });
  const during = await explainIndex('PW', '2020-03-05');
  t.is(changes, 4, 'one after each statement');
  t.deepEqual(during, before, 'the values are the same in each state, prices and divisors are not');
  const after = await get<IndexExplanation>('/indexes/PW/explain?date=2020-03-05');
  t.is(after.divisor_change?.after, before.divisor_change!.after * 2 ** changes);
});

test('an explanation reads no other index and no asset of the definition of its universe', async (t) => {
  const { database } = await setupPrices(t);
  const read: string[] = [];
  const { explainIndex } = createMarketDataQueries({
    reader: {
      ...database.reader,
      snapshot: (work) =>
        database.reader.snapshot(({ query }) => {
          const recorded: Query = async (text, parameters) => {
            const rows = await query<never>(text, parameters);
            read.push(JSON.stringify(rows));
            return rows;
          };
          return work({ query: recorded });
        }),
    },
    primary: database.reader,
    explanationPlaces: { use: (work) => work() },
  });
  t.is((await explainIndex('RB', null))?.code, 'RB');
  t.true(read.join().includes('"rebased"'));
  for (const other of ['price_weighted', 'CCC']) t.false(read.join().includes(other), other);
});

test('prices of several assets and prices as CSV are in shares of today too, on each page', async (t) => {
  const { get, call } = await setupPrices(t);
  type Page = { data: Item[]; page: { next_cursor: string | null } };
  for (const adjusted of ['true', 'false']) {
    const expected: Item[] = [];
    for (const symbol of ['AAA', 'BBB']) {
      const { data } = await get<Page>(`/assets/${symbol}/prices?limit=200&adjusted=${adjusted}`);
      expected.push(...data.map((bar) => ({ symbol, ...bar })));
    }
    t.is(expected.length, 2 * days);
    const found: Item[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${cursor}`;
      const page: Page = await get<Page>(`/prices?symbols=BBB,AAA&limit=33&adjusted=${adjusted}${more}`);
      found.push(...page.data);
      cursor = page.page.next_cursor;
    } while (cursor !== null);
    t.deepEqual(found, expected);
    for (const path of ['assets/AAA/prices?limit=200', 'prices?symbols=AAA&limit=200']) {
      const url = `/api/v1/${path}&fields=date,close,volume&adjusted=${adjusted}`;
      const csv = await (await call(url, { headers: { Accept: 'text/csv' } })).text();
      const rows = expected.filter(({ symbol }) => symbol === 'AAA');
      const lines = rows.map(({ date, close, volume }) => [date, close, volume].join(','));
      t.is(csv, `${['date,close,volume', ...lines].join('\n')}\n`, path);
    }
  }
  const [before] = (await get<Page>(`/prices?symbols=AAA&limit=1`)).data;
  const [raw] = (await get<Page>(`/prices?symbols=AAA&limit=1&adjusted=false`)).data;
  t.is(before!['close'], Number(raw!['close']) / 4);
});

test('prices are in shares of today by default, and as they came with adjusted=false', async (t) => {
  const { get, call } = await setupPrices(t);
  const pricesOf = async (query: string): Promise<Item[]> =>
    (await get<{ data: Item[] }>(`/assets/AAA/prices?${query}`)).data;
  for (const range of [`from=${dayOf(splitDay - 1)}&to=${dayOf(splitDay)}`, `latest=61`, `limit=41`]) {
    const raw = await pricesOf(`${range}&adjusted=false`);
    const adjusted = await pricesOf(range);
    t.deepEqual(adjusted, await pricesOf(`${range}&adjusted=true`));
    for (const [place, { date, close, volume }] of raw.entries()) {
      const isBefore = String(date) < dayOf(splitDay);
      t.is(adjusted[place]!['close'], isBefore ? Number(close) / 4 : Number(close));
      t.is(adjusted[place]!['volume'], isBefore ? 4 * Number(volume) : Number(volume));
    }
  }
  const plain = await call('/api/v1/assets/AAA/prices');
  const cached = await call('/api/v1/assets/AAA/prices');
  t.regex(cached.headers.get('Cache-Status') ?? '', /hit/);
  t.deepEqual(await cached.json(), await plain.json());
  const other = await call('/api/v1/assets/AAA/prices?adjusted=false');
  t.regex(other.headers.get('Cache-Status') ?? '', /miss/);
  t.is((await call('/api/v1/assets/AAA/prices?adjusted=maybe')).status, 422);
});

test('an explanation lists the newest 1,000 events and their number, and many more actions are joined', async (t) => {
  const { get, admin, refreshes } = await setupPrices(t);
  await admin.query(
    `insert into price (asset_id, date, close) select id, '2060-01-01', 20 from asset where symbol = any($1)`,
    [symbols],
  );
  const explainAfter = async (actions: number): Promise<IndexExplanation> => {
    await admin.query(
      `insert into corporate_actions (asset_id, date, shares)
       select id, date, shares from asset, (
         select date '2020-04-09' + n as date, 1000 + n as shares from generate_series(1, $1::int) as n
         union all select '2059-12-31', 2000
       ) as action where symbol = 'AAA' on conflict do nothing`,
      [actions],
    );
    await admin.query('update market_index set calculation = null');
    t.is((await refreshes.run({ universe: 'desk', trigger: 'request' })).status, 'succeeded');
    return get<IndexExplanation>('/indexes/CW/explain?date=2060-01-01');
  };
  const before = await explainAfter(0);
  t.is(before.events_total, 0, 'the number of shares is the one before');
  const many = await explainAfter(3_000);
  t.is(many.events_total, 3_001);
  t.is(many.events.length, 1_000);
  t.deepEqual(many.events.at(-1), { type: 'shares', symbol: 'AAA', amount: 2_000 });
  t.deepEqual(many.constituents, before.constituents);
  const joined = await explainAfter(9_000);
  t.true(joined.events_total < 2_000, `${joined.events_total} events`);
  t.deepEqual(joined.constituents, before.constituents);
});
