import test from 'ava';
import pg from 'pg';
import { statements } from '#src/market-data/reads/queries.ts';
import { setupDatabase } from '#testkit/database.ts';

type Plan = {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly Plans?: readonly Plan[];
};

const flatten = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flatten)];

/** The tables must be so large that PostgreSQL estimates a sequential scan as slower than an index scan. */
const fill = [
  `insert into asset (symbol, name, exchange, currency) select 'S' || n, 'n', 'e', 'c' from generate_series(1, 3000) n`,
  `insert into market_index (code, name, universe, method) select 'I' || n, 'n', 'u', 'rebased' from generate_series(1, 3000) n`,
  `insert into price (asset_id, date, close) select a, date '2000-01-01' + d, 1 from generate_series(1, 200) a, generate_series(1, 200) d`,
  `insert into index_value (index_id, date, value) select a, date '2000-01-01' + d, 1 from generate_series(1, 200) a, generate_series(1, 200) d`,
  `insert into corporate_actions select a, date '2000-01-01' + d, null, 2, null from generate_series(1, 3000) a, generate_series(1, 5) d`,
  `insert into index_constituent select n, n from generate_series(1, 3000) n`,
  `insert into refresh (id, universe, trigger, status, started_at) select gen_random_uuid(), 'u', 'request', 'succeeded', now() from generate_series(1, 3000)`,
  `insert into price_quarantine select refresh.id, a, date '2000-01-01', 2, 1 from refresh, generate_series(1, 5) a`,
  'analyze',
];

const page = [null, null, 11] as const;
const uuid = '80000000-0000-4000-8000-000000000000';
const expectations: Readonly<
  Record<keyof typeof statements, readonly [parameters: readonly unknown[], indexes: readonly string[]]>
> = {
  assets: [
    ['S5', ...page],
    ['asset_symbol_unique', 'price_pkey'],
  ],
  asset: [['S5'], ['asset_symbol_unique', 'price_pkey']],
  prices: [
    ['S7', '2000-03-01', ...page],
    ['asset_symbol_unique', 'price_pkey', 'corporate_actions_shares_index'],
  ],
  pricesDescending: [
    ['S7', '2000-03-01', ...page],
    ['asset_symbol_unique', 'price_pkey', 'corporate_actions_shares_index'],
  ],
  closes: [
    ['S5', 90, 11],
    ['asset_symbol_unique', 'price_pkey', 'corporate_actions_shares_index'],
  ],
  manyPrices: [
    [['S5', 'S6'], 'S5 2000-03-01', ...page],
    ['asset_symbol_unique', 'price_pkey', 'corporate_actions_shares_index'],
  ],
  indexes: [
    ['I5', ...page],
    ['market_index_code_unique', 'index_constituent_pkey', 'index_value_pkey'],
  ],
  index: [['I5'], ['market_index_code_unique', 'index_constituent_pkey', 'index_value_pkey']],
  indexValues: [
    ['I7', '2000-03-01', ...page],
    ['market_index_code_unique', 'index_value_pkey'],
  ],
  indexValuesDescending: [
    ['I7', '2000-03-01', ...page],
    ['market_index_code_unique', 'index_value_pkey'],
  ],
  refreshes: [[uuid, ...page], ['refresh_pkey']],
  refresh: [[uuid], ['refresh_pkey']],
  quarantined: [
    [uuid, '5 2000-03-01', ...page],
    ['price_quarantine_pkey', 'asset_pkey'],
  ],
};

test('every read statement uses an index and no sequential scan', async (t) => {
  const { url } = await setupDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  for (const statement of fill) await client.query(statement);

  for (const [name, [parameters, indexes]] of Object.entries(expectations)) {
    const text = statements[name as keyof typeof statements];
    const { rows } = await client.query(`explain (format json) ${text}`, [...parameters]);
    const nodes = flatten(rows[0]['QUERY PLAN'][0].Plan as Plan);
    const used = new Set(nodes.map((node) => node['Index Name']));
    for (const index of indexes) t.true(used.has(index), `${name} does not use ${index}`);
    const scanned = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']);
    t.deepEqual(scanned, [], `${name} has a sequential scan`);
  }
});

test('a page of quarantined prices reads no more than its rows', async (t) => {
  const { url } = await setupDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`insert into asset (symbol, name, exchange, currency)
    select 'S' || n, 'Asset ' || n, 'X', 'USD' from generate_series(1, 100) n`);
  await client.query(`insert into refresh (id, universe, trigger, status, started_at)
    values ('${uuid}', 'u', 'request', 'succeeded', now())`);
  await client.query(`insert into price_quarantine
    select '${uuid}', a, date '2000-01-01' + d, 2, 1 from generate_series(1, 100) a, generate_series(1, 300) d`);
  await client.query('analyze');
  for (const after of [null, '50 2000-03-01']) {
    const { rows } = await client.query(`explain (analyze, format json) ${statements.quarantined}`, [
      uuid,
      after,
      null,
      null,
      11,
    ]);
    const nodes = flatten(rows[0]['QUERY PLAN'][0].Plan as Plan);
    t.deepEqual(
      nodes.filter((node) => node['Relation Name'] === 'price_quarantine').map((node) => node['Actual Rows']),
      [11],
    );
  }
});
