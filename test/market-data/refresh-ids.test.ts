import test from 'ava';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { ensureAssets } from '#src/market-data/refresh/ensure/ensure-assets.ts';
import { eventually } from '#testkit/eventually.ts';
import { scaledProvider, setup, type Setup } from './setup.ts';

const tech5 = bundledUniverses.find(({ name }) => name === 'tech5')!;
const maxId = 2_147_483_647;
const run = { universe: 'tech5', trigger: 'request' } as const;

const taken = async ({ admin }: Setup) =>
  (
    await admin.query(`select (select last_value from asset_id_seq)::int as asset,
      (select last_value from market_index_id_seq)::int as index`)
  )[0];
const idsOf = async ({ admin }: Setup) =>
  (await admin.query('select id from asset order by symbol')).map(({ id }) => Number(id));

test('a refresh of known assets takes no ids, also when names have changed', async (t) => {
  let factor = 1;
  const first = await setup(t, { service: { provider: scaledProvider(() => factor) } });
  t.like(await first.refreshes.run(run), { status: 'succeeded' });
  const before = await taken(first);
  t.deepEqual(before, { asset: tech5.assets.length, index: tech5.indexes.length });
  const ids = await idsOf(first);

  factor = 1.001;
  t.like(await first.refreshes.run(run), { status: 'succeeded' });
  await first.admin.query(`update asset set name = 'Former name'`);
  await first.admin.query(`update market_index set name = 'Former name'`);
  t.like(await first.refreshes.run(run), { status: 'succeeded' });

  t.deepEqual(await taken(first), before);
  t.deepEqual(await idsOf(first), ids);
  const names = await first.admin.query(
    'select name from asset where symbol = any($1) union all select name from market_index order by 1',
    [tech5.assets.map(({ symbol }) => symbol)],
  );
  t.false(names.some(({ name }) => name === 'Former name'));
});

test('at the end of the ids the free ones are used again', async (t) => {
  const first = await setup(t);
  const { admin, refreshes } = first;
  await admin.query(
    `insert into asset (id, symbol, name, exchange, currency)
     select id, 'OLD' || id, 'old', 'X', 'USD' from unnest($1::int[]) as used (id)`,
    [[maxId - 1, 1, 2, 3, 4, 5, 6, 7, 8, 10]],
  );
  await admin.query('select setval($1, $2)', ['asset_id_seq', maxId - 2]);
  await admin.query('select setval($1, $2)', ['market_index_id_seq', maxId]);
  t.like(await refreshes.run(run), { status: 'succeeded', prices: 560 });
  const { length } = tech5.assets;
  const ids = (await admin.query(`select id from asset where symbol not like 'OLD%' order by id`)).map(({ id }) =>
    Number(id),
  );
  t.is(ids.length, length);
  t.true(ids.includes(maxId));
  t.true(ids.every((id) => id === maxId || id > 8));
  t.false(ids.includes(10));
  t.like(await refreshes.run(run), { status: 'succeeded' });
});

test('of two transactions that share assets, the second waits for the end of the first', async (t) => {
  const both = await setup(t);
  const { database, admin } = both;
  t.like(await both.refreshes.run(run), { status: 'succeeded' });
  const shared = { ...tech5, name: 'shared', assets: tech5.assets.toReversed().slice(0, 2), indexes: [] };
  const order: string[] = [];
  const options = { operation: 'refresh.apply' } as const;
  const waits = async (): Promise<boolean> =>
    (
      await admin.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
    ).length > 0;
  const locked = Promise.withResolvers<void>();
  const first = database.unitOfWork.run(options, async (transaction) => {
    await ensureAssets(transaction, tech5);
    locked.resolve();
    await eventually(waits, 'the second transaction waits for a lock');
    order.push('first');
  });
  await locked.promise;
  const second = database.unitOfWork.run(options, async (transaction) => {
    await ensureAssets(transaction, shared);
    order.push('second');
  });
  await Promise.all([first, second]);
  t.deepEqual(order, ['first', 'second']);
});
