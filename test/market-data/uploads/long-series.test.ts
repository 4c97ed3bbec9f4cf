import test, { type ExecutionContext } from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { storeSeries } from '#src/market-data/series/store-series.ts';
import { removeOtherActions } from '#src/market-data/series/fetched-actions.ts';
import { storeUpload } from '#src/market-data/uploads/store-upload.ts';
import { stagingTable } from '#src/market-data/uploads/upload.ts';
import { setup, type Setup } from '../setup.ts';
import { header, setupUploads } from './setup.ts';

const refreshId = '018f0000-0000-7000-8000-00000000000a';
const firstDay = '2000-01-01';
const dayAt = (index: number): string => new Date(Date.UTC(2000, 0, 1 + index)).toISOString().slice(0, 10);

/** Series of uploaded prices with `bars` days each, and a refresh that owns what is held back. */
const setupSeries = async (t: ExecutionContext, count: number, bars: number) => {
  const service = await setup(t);
  const symbols = Array.from({ length: count }, (_, index) => `L${String(index).padStart(3, '0')}`);
  const { admin } = service;
  const rows = await admin.query(
    `insert into asset (symbol, name, exchange, currency, price_source, price_interval)
     select symbol, symbol, 'X', 'USD', 'upload', '1day' from unnest($1::text[]) as symbol order by 1 returning id`,
    [symbols],
  );
  await admin.query(
    `insert into price (asset_id, date, close)
     select id, date '${firstDay}' + day, 100 from asset, generate_series(0, $1 - 1) as day`,
    [bars],
  );
  await admin.query(
    `insert into refresh (id, universe, trigger, status, started_at) values ($1, 'u', 'request', 'running', now())`,
    [refreshId],
  );
  await admin.query('analyze');
  const assets = new Map(symbols.map((symbol, index) => [symbol, Number(rows[index]!['id'])]));
  const universe = {
    from: firstDay,
    interval: '1day' as const,
    assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  };
  return { ...service, symbols, assets, universe };
};

/** Runs work in a transaction. @returns the largest number of rows that one statement has answered */
const mostRows = async ({ database }: Setup, work: (transaction: { readonly query: Query }) => Promise<unknown>) => {
  let most = 0;
  await database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) =>
    work({
      query: async (text, parameters) => {
        const rows = await transaction.query(text, parameters);
        most = Math.max(most, rows.length);
        return rows as never;
      },
    }),
  );
  return most;
};

test('two rows of each symbol do not read all stored bars between them at once', async (t) => {
  const bars = 1_500;
  const long = await setupSeries(t, 12, bars);
  const lastDate = dayAt(bars - 1);
  const most = await mostRows(long, async (transaction) => {
    await transaction.query(
      `create temporary table upload_row (asset int, line bigint, date date, open float8, high float8, low float8, close float8,
         volume float8, dividend float8, split_factor float8, shares float8, known_split float8,
         is_held boolean not null default false) on commit drop`,
    );
    await transaction.query(
      `insert into ${stagingTable} (asset, line, date, close)
       select asset, asset * 2 + side, case side when 0 then $1::date else $2::date end, 101
       from generate_series(0, 11) as asset, generate_series(0, 1) as side`,
      [firstDay, lastDate],
    );
    const series = new Map(
      long.symbols.map((_, position) => [position, { rows: 2, firstDate: firstDay, lastDate, isPlain: true }] as const),
    );
    const result = await storeUpload(transaction, {
      refreshId,
      universe: long.universe,
      assets: long.assets,
      staged: { rows_read: 24, errors: [], errors_total: 0, mode: 'merge', isAdjusted: false, series, actions: [] },
      quarantineFactor: 5,
      onAccepted: () => {},
    });
    // The days between are missing in the file, so the series are held back as a whole.
    t.is(result.heldBack.length, 12);
  });
  t.true(most > 0 && most <= 4_000, `${most} rows at once`);
});

test('short answers of a provider do not read all stored bars of their series at once', async (t) => {
  const bars = 1_500;
  const long = await setupSeries(t, 12, bars);
  await long.admin.query(`update asset set price_source = 'sample'`);
  const series = long.symbols.map((symbol) => ({
    symbol,
    prices: [{ date: firstDay, open: null, high: null, low: null, close: 100, volume: null }],
  }));
  const most = await mostRows(long, async (transaction) => {
    const result = await storeSeries(transaction, {
      refreshId,
      universe: long.universe,
      assets: long.assets,
      fetched: { source: 'provider', series },
      source: 'sample',
      quarantineFactor: 5,
    });
    t.is(result.heldBack.length, 12);
  });
  t.true(most > 0 && most <= 4_000, `${most} rows at once`);
});

test('the bars of another source are not read, because the answer replaces them', async (t) => {
  const long = await setupSeries(t, 2, 3_000);
  const prices = [{ date: firstDay, open: null, high: null, low: null, close: 100, volume: null }];
  const most = await mostRows(long, async (transaction) => {
    const result = await storeSeries(transaction, {
      refreshId,
      universe: long.universe,
      assets: long.assets,
      fetched: { source: 'provider', series: long.symbols.map((symbol) => ({ symbol, prices })) },
      source: 'sample',
      quarantineFactor: 5,
    });
    t.deepEqual(
      result.replaced.map(({ reason }) => reason),
      ['source_changed', 'source_changed'],
    );
  });
  t.true(most <= 2, `${most} rows at once`);
  t.deepEqual(await long.admin.query('select count(*)::int as bars from price'), [{ bars: 2 }]);
});

test('a long series is read with several statements, and none of its bars is lost', async (t) => {
  const bars = 9_001;
  const long = await setupSeries(t, 1, bars);
  await long.admin.query(`update asset set price_source = 'sample'`);
  const prices = Array.from({ length: bars }, (_, day) => ({
    date: dayAt(day),
    open: null,
    high: null,
    low: null,
    close: day === bars - 1 ? 101 : 100,
    volume: null,
  }));
  const most = await mostRows(long, async (transaction) => {
    const result = await storeSeries(transaction, {
      refreshId,
      universe: long.universe,
      assets: long.assets,
      fetched: { source: 'provider', series: [{ symbol: 'L000', prices }] },
      source: 'sample',
      quarantineFactor: 5,
    });
    t.like(result, { prices: bars, firstChanged: dayAt(bars - 1), quarantined: 0 });
  });
  t.is(most, 4_000);
});

test('the removal of many actions answers one row', async (t) => {
  const long = await setupSeries(t, 1, 1);
  await long.admin.query(
    `insert into corporate_actions (asset_id, date, dividend, shares)
     select id, date '${firstDay}' + day, 1, case when day % 2 = 0 then 5 end from asset, generate_series(3, 2000) as day`,
  );
  const most = await mostRows(long, async (transaction) => {
    const assets = [...long.assets.values()];
    t.is(await removeOtherActions(transaction, { assets, adjusted: [], source: 'tiingo' }), dayAt(3));
    t.is(await removeOtherActions(transaction, { assets, adjusted: [], source: 'tiingo' }), null);
    t.is(await removeOtherActions(transaction, { assets, adjusted: assets, source: 'sample' }), dayAt(4));
    t.is(await removeOtherActions(transaction, { assets, adjusted: assets, source: 'sample' }), null);
  });
  t.is(most, 1);
});

const rowsFrom = (first: number, count: number): string =>
  Array.from({ length: count }, (_, index) => {
    const date = new Date(Date.UTC(1800, 0, 1 + first + index)).toISOString().slice(0, 10);
    return `AAA,${date},100\n`;
  }).join('');

test('a series has a max number of rows, also together with what is stored; a file beyond it changes nothing', async (t) => {
  const { send, contents, admin } = await setupUploads(t);
  t.is((await send(header + rowsFrom(0, 26_000))).status, 200);
  t.is((await send(header + rowsFrom(26_000, 24_000))).status, 200);
  const before = await contents();
  const refused = await send(`${header}BBB,2024-01-02,50\n${rowsFrom(50_000, 1)}`);
  t.is(refused.status, 422);
  t.like(refused.body, { code: 'upload_refused' });
  t.regex(String(refused.body['detail']), /AAA would have more than 50000 rows/);
  t.is(await contents(), before);
  // A row of a day that is stored adds none.
  t.is((await send(header + rowsFrom(49_999, 1))).status, 200);
  t.is((await send(header + rowsFrom(50_000, 1), { query: '?mode=replace' })).status, 200);
  t.deepEqual(await admin.query('select count(*)::int as bars from price'), [{ bars: 1 }]);
});

test('a series of an earlier version that is too long can only be replaced', async (t) => {
  const { send, admin } = await setupUploads(t);
  t.is((await send(header + rowsFrom(0, 2))).status, 200);
  await admin.query(
    `insert into price (asset_id, date, close) select id, date '1800-01-03' + day, 100
     from asset, generate_series(0, 50000) as day where symbol = 'AAA'`,
  );
  for (const file of [rowsFrom(0, 1) + rowsFrom(50_002, 1), rowsFrom(5, 1)]) {
    t.like((await send(header + file)).body, { code: 'upload_refused' });
  }
  t.is((await send(header + rowsFrom(5, 1), { query: '?mode=replace' })).status, 200);
});

test('of bars that are held back a bounded number is stored, and all are counted', async (t) => {
  const { send, admin } = await setupUploads(t);
  const impossible = Array.from({ length: 10_500 }, (_, index) => {
    const date = new Date(Date.UTC(1900, 0, 1 + (index % 5_250))).toISOString().slice(0, 10);
    return `${index < 5_250 ? 'AAA' : 'BBB'},${date},1,2,100\n`;
  });
  const rows = `symbol,date,high,low,close\nAAA,2024-01-02,,,100\nBBB,2024-01-02,,,100\n${impossible.join('')}`;
  const { body } = await send(rows);
  t.like(body, { status: 'succeeded_with_quarantine', quarantined: 10_500, rows_written: 2 });
  t.deepEqual(await admin.query('select count(*)::int as listed from price_quarantine'), [{ listed: 10_000 }]);
});
