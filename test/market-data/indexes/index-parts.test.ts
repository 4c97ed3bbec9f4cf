import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { calculateIndexValues } from '#src/market-data/indexes/calculate-index-values.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { setup } from '../setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { indexPoints } from '#testkit/market-data/index-points.ts';

const universe: Universe = {
  name: 'long',
  interval: '1day',
  from: '1900-01-01',
  assets: ['A', 'B'].map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: (['equal_weighted', 'capitalization_weighted'] as const).map((method) => ({
    code: method,
    name: method,
    method,
    constituents: ['A', 'B'],
  })),
};
const days = 25_000;

test('an index writes its values in parts of 10,000, and they are those of one calculation', async (t) => {
  const service = await setup(t, {
    service: {
      universes: fixedUniverses([universe]),
      provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: [] }) },
    },
  });
  const { admin, database } = service;
  await admin.query(`insert into asset (symbol, name, exchange, currency) values ('A', '', '', ''), ('B', '', '', '')`);
  await admin.query(
    `insert into market_index (code, name, universe, method) select m, m, 'long', m from unnest($1::text[]) as m`,
    [universe.indexes.map(({ code }) => code)],
  );
  await admin.query(
    `insert into price (asset_id, date, close) select id, date '1900-01-01' + n, 100 + id + round(sin(n * id)::numeric, 3)
     from asset, generate_series(0, $1::int - 1) as n`,
    [days],
  );
  // The divisor of the second index changes on each day of some years.
  await admin.query(
    `insert into corporate_actions (asset_id, date, shares) select id, date '1900-01-01' + n, 1000 + n * id
     from asset, generate_series(0, 4000) as n`,
  );
  const idsOf = async (text: string) =>
    new Map((await admin.query(text)).map(({ name, id }) => [String(name), Number(id)] as const));
  const ids = {
    assets: await idsOf('select symbol as name, id from asset'),
    indexes: await idsOf('select code as name, id from market_index'),
  };
  const written: number[] = [];
  const counting =
    (query: Query): Query =>
    (text, parameters) => {
      const dates = text.includes('insert into index_value') ? String(parameters?.[1]) : '';
      if (dates !== '') written.push(dates.split(',').length);
      return query(text, parameters);
    };
  const calculate = (from: string | null) =>
    database.unitOfWork.run({ operation: 'refresh.apply', statementTimeoutMs: 60_000 }, ({ query }) =>
      calculateIndexValues({ query: counting(query) }, ids, universe, { from, sharedSymbols: new Set() }),
    );
  const seriesOf = async (symbol: string) =>
    (await admin.query(
      'select date::text as date, close from price join asset on id = asset_id where symbol = $1 order by price.date',
      [symbol],
    )) as { date: string; close: number }[];
  const compare = async (): Promise<void> => {
    const series = [await seriesOf('A'), await seriesOf('B')];
    const actions = await admin.query(
      'select symbol, date::text as date, shares from corporate_actions join asset on id = asset_id order by 2',
    );
    for (const definition of universe.indexes) {
      const stored = await admin.query(
        `select index_value.date::text as date, value from index_value join market_index on id = index_id
         where code = $1 order by index_value.date`,
        [definition.code],
      );
      t.deepEqual(stored, indexPoints(definition, series, actions as never), definition.code);
    }
  };
  const countOf = async (table: string): Promise<unknown> =>
    (await admin.query(`select index_id, count(*)::int as count from ${table} group by 1 order by 1`)).map(
      ({ count }) => count,
    );

  // Rows of former values on days without a bar, before, between and after those of the parts.
  await admin.query(
    `insert into index_value select id, day::date, 1 from market_index,
       unnest(array['1850-01-01', '2000-01-01', '2030-01-01']) as day`,
  );
  t.is((await calculate(null)).values, 2 * days);
  t.true(Math.max(...written) <= 10_000, `${Math.max(...written)} values in one statement`);
  t.true(written.length >= 6, `${written.length} statements`);
  await compare();
  const [checkpoints, divisors] = [await countOf('index_checkpoint'), await countOf('index_divisor')];
  t.deepEqual(checkpoints, [783, 783]);

  await admin.query(`update price set close = close * 1.01 where date = '1950-01-01'`);
  t.deepEqual((await calculate('1950-01-01')).extents, ['tail', 'tail']);
  await compare();
  t.deepEqual([await countOf('index_checkpoint'), await countOf('index_divisor')], [checkpoints, divisors]);
});
