import test, { type ExecutionContext } from 'ava';
import type { Query, SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { setup } from '../setup.ts';

const day = (index: number): string => new Date(Date.UTC(2025, 0, 1 + index)).toISOString().slice(0, 10);
const days = 20;
const splitDay = 10;
const page = { after: null, from: null, to: null, limit: 100 };

/** Two true forms of one series in shares of today: 400 on each day, or 100 on each day after a split of four for one. */
const forms = { unsplit: 400, split: 100 };
type Form = keyof typeof forms;

/** Queries of an asset `SPL`. After each statement of theirs a refresh commits the other form of the series. */
const setupAlternation = async (t: ExecutionContext) => {
  const { admin, database } = await setup(t);
  await admin.query(`insert into asset (symbol, name, exchange, currency) values ('SPL', 'n', 'e', 'USD')`);
  let form: Form = 'split';
  const alternate = async (): Promise<void> => {
    form = form === 'split' ? 'unsplit' : 'split';
    const after = form === 'split' ? 100 : 400;
    await database.unitOfWork.run({ operation: 'refresh.apply' }, async ({ query }) => {
      await query('delete from price');
      await query('delete from corporate_actions');
      await query(
        `insert into price (asset_id, date, close)
         select id, $1::date + day, case when day < $3 then 400 else $2::float8 end from asset, generate_series(0, $4) as day`,
        [day(0), after, splitDay, days - 1],
      );
      if (form === 'unsplit') return;
      await query(`insert into corporate_actions (asset_id, date, split_factor) select id, $1, 4 from asset`, [
        day(splitDay),
      ]);
    });
  };
  await alternate();
  const query = (async (text: string, parameters?: readonly unknown[]) => {
    const rows = await database.reader.query(text, parameters);
    await alternate();
    return rows;
  }) as Query;
  const reader: SnapshotReader = { query, snapshot: (work) => work({ query }) };
  return createMarketDataQueries({ reader, primary: reader, explanationPlaces: undefined as never });
};

const reads: Readonly<
  Record<
    string,
    (
      queries: Awaited<ReturnType<typeof setupAlternation>>,
    ) => Promise<readonly { readonly close: number }[] | undefined>
  >
> = {
  'the prices of an asset are of one state while a refresh that tells of a split commits': (queries) =>
    queries.prices('SPL', page),
  'the newest prices of an asset are of one state while a refresh that tells of a split commits': (queries) =>
    queries.prices('SPL', { ...page, descending: true }),
  'the prices of several assets are of one state while a refresh that tells of a split commits': (queries) =>
    queries.manyPrices(['SPL', 'OTHER'], page),
  'all closes of a forecast are of one state while a refresh that tells of a split commits': (queries) =>
    queries.closes('SPL', null, 100),
  'the last closes of an asset are of one state while a refresh that tells of a split commits': (queries) =>
    queries.closes('SPL', days - 1, 100),
};

for (const [name, read] of Object.entries(reads)) {
  test(name, async (t) => {
    const queries = await setupAlternation(t);
    const seen = new Set<number>();
    for (let round = 0; round < 4; round += 1) {
      const closes = (await read(queries))?.map(({ close }) => close) ?? [];
      t.is(closes.length, days);
      t.is(new Set(closes).size, 1, closes.join(' '));
      seen.add(closes[0]!);
    }
    t.deepEqual(seen, new Set([forms.unsplit, forms.split]), 'both forms were read');
  });
}

test('an asset without prices and an index without values are empty lists, unknown ones are none', async (t) => {
  const { admin, database } = await setup(t);
  await admin.query(`insert into asset (symbol, name, exchange, currency) values ('NEW', 'n', 'e', 'USD')`);
  await admin.query(`insert into market_index (code, name, universe, method) values ('NEW', 'n', 'u', 'rebased')`);
  const { reader } = database;
  const queries = createMarketDataQueries({ reader, primary: reader, explanationPlaces: undefined as never });
  t.deepEqual(await queries.prices('NEW', page), []);
  t.deepEqual(await queries.closes('NEW', 90, 10), []);
  t.deepEqual(await queries.indexValues('NEW', page), []);
  t.is(await queries.prices('OLD', page), undefined);
  t.is(await queries.closes('OLD', 90, 10), undefined);
  t.is(await queries.indexValues('OLD', page), undefined);
});

test('the closes beyond the limit that are left out are the oldest ones', async (t) => {
  const queries = await setupAlternation(t);
  const all = (await queries.closes('SPL', null, days))!.map(({ date }) => date);
  t.is(all.length, days);
  t.deepEqual(
    (await queries.closes('SPL', null, days - 5))?.map(({ date }) => date),
    all.slice(5),
  );
  t.deepEqual(
    (await queries.closes('SPL', days, 3))?.map(({ date }) => date),
    all.slice(-3),
  );
});
