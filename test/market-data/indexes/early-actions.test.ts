import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { marketDays } from '#src/market-data/indexes/market-days.ts';
import { createExplainIndex, type IndexExplanation } from '#src/market-data/reads/explain-index.ts';
import { setup } from '../setup.ts';
import { setupUniverses } from '../universes/setup.ts';

test('of the actions before the first close the newest number of shares and the splits after it are read, with one statement', async (t) => {
  const { admin, database } = await setup(t);
  const [row] = await admin.query(
    `insert into asset (symbol, name, exchange, currency) values ('OLD', '', '', '') returning id`,
  );
  const id = Number(row!['id']);
  await admin.query(
    `insert into corporate_actions (asset_id, date, dividend, split_factor, shares) values
       ($1, '1000-01-01', null, 2, null), ($1, '1500-06-01', 1, null, 100), ($1, '1600-06-01', 1, 2, 300),
       ($1, '1700-01-01', 1, null, null), ($1, '1999-12-31', 1, 4, null), ($1, '2000-01-03', 5, null, null)`,
    [id],
  );
  await admin.query(`insert into price (asset_id, date, close) values ($1, '1600-01-01', 9), ($1, '2000-01-03', 10)`, [
    id,
  ]);
  let statements = 0;
  const query = ((text, parameters) => {
    statements += 1;
    return database.reader.query(text, parameters);
  }) as Query;
  const found = async (from: string | undefined): Promise<unknown[]> => {
    statements = 0;
    const days = [];
    for await (const { date, closes, actions } of marketDays(
      { query },
      { assets: [id], from, after: null, to: null },
    )) {
      days.push([date, closes, ...actions.map(({ dividend, split, shares }) => [dividend, split, shares])]);
    }
    t.is(statements, 4);
    return days;
  };
  t.deepEqual(await found('1990-01-01'), [
    ['1600-06-01', [], [NaN, 2, 300]],
    ['1999-12-31', [], [NaN, 4, NaN]],
    ['2000-01-03', [10], [5, NaN, NaN]],
  ]);
  t.deepEqual((await found(undefined)).slice(0, 2), [
    ['1500-06-01', [], [NaN, NaN, 100]],
    ['1600-01-01', [9]],
  ]);
});

const early = 30_000;

/** An index whose universe begins long after the stored closes and actions of its constituents. */
const setupLate = async (t: Parameters<typeof setupUniverses>[0]) => {
  const service = await setupUniverses(t);
  const symbols = ['AAA', 'BBB'];
  const constituents = symbols.map((symbol) => ({ symbol }));
  const indexes = ['capitalization_weighted', 'price_weighted'].map((method) => ({
    code: method.slice(0, 5).toUpperCase(),
    name: method,
    method,
    return_type: 'total',
    constituents,
  }));
  const put = await service.put('desk', {
    title: 'x',
    source: 'upload',
    interval: '1day',
    from: '2020-01-01',
    assets: constituents,
    indexes,
  });
  t.is(put.status, 201, await put.text());
  await service.refreshes.run({ universe: 'desk', trigger: 'change' });
  const inserted = `from asset, generate_series(-$1::int, 40) as day where symbol = any($2)`;
  await service.admin.query(
    `insert into price (asset_id, date, close) select id, date '2020-01-01' + day, 10 + id + sin(day) ${inserted}`,
    [early, symbols],
  );
  await service.admin.query(
    `insert into corporate_actions (asset_id, date, dividend, shares)
     select id, date '2020-01-01' + day, 0.25, 1000 + day + $1 ${inserted} and day <= 0`,
    [early, symbols],
  );
  await service.admin.query('update market_index set calculation = null');
  t.is((await service.refreshes.run({ universe: 'desk', trigger: 'request' })).status, 'succeeded');
  return service;
};

test('the explanation of a day soon after the first one reads no earlier close, and a few earlier actions', async (t) => {
  const { database, get } = await setupLate(t);
  const places = { use: <T>(work: () => Promise<T>) => work() };
  const read: string[] = [];
  const explainIndex = createExplainIndex(
    {
      ...database.reader,
      snapshot: (work) =>
        database.reader.snapshot(({ query }) => {
          const recorded = (async (text: string, parameters?: readonly unknown[]) => {
            const rows = await query(text, parameters);
            read.push(JSON.stringify(rows));
            return rows;
          }) as Query;
          return work({ query: recorded });
        }),
    },
    places,
  );
  for (const code of ['CAPIT', 'PRICE']) {
    for (const date of ['2020-01-01', '2020-01-20']) {
      read.length = 0;
      const explained = await explainIndex(code, date);
      t.is(explained?.code, code);
      t.true(read.length <= 6, `${read.length} statements`);
      const characters = read.join('').length;
      t.true(characters < 20_000, `${characters} characters of ${2 * early} earlier days`);
    }
    // The dividend of the first day is of those who had the shares before, so the value follows from the prices.
    const { value, divisor, constituents, events } = await get<IndexExplanation>(
      `/indexes/${code}/explain?date=2020-01-01`,
    );
    const sum = constituents.reduce((total, { price, dividend = 0, shares }) => total + (price + dividend) * shares, 0);
    t.true(Math.abs(sum / divisor! / value - 1) < 1e-12);
    t.false(events.some(({ type }) => type === 'dividend'));
  }
});

test('an explanation ends between two statements when its request has ended', async (t) => {
  const { database } = await setupLate(t);
  const reason = new Error('has left');
  const controller = new AbortController();
  let statements = 0;
  const explainIndex = createExplainIndex(
    {
      ...database.reader,
      snapshot: (work) =>
        database.reader.snapshot(({ query }) => {
          const counted = (async (text: string, parameters?: readonly unknown[]) => {
            const rows = await query(text, parameters);
            statements += 1;
            controller.abort(reason);
            return rows;
          }) as Query;
          return work({ query: counted });
        }),
    },
    { use: (work) => work() },
  );
  const context: RequestContext = {
    requestId: 'a',
    traceId: 'b',
    clientIp: '127.0.0.1',
    timings: {},
    signal: controller.signal,
  };
  const error = await t.throwsAsync(() => runInRequest(context, () => explainIndex('PRICE', '2020-01-20')));
  t.is(error, reason);
  t.is(statements, 1);
});
