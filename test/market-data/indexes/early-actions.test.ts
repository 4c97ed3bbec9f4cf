import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { marketDays } from '#src/market-data/indexes/market-days.ts';
import { setup } from '../setup.ts';

test('the statements for actions long before the first close depend on their number, and not on the days between them', async (t) => {
  const { admin, database } = await setup(t);
  const [row] = await admin.query(
    `insert into asset (symbol, name, exchange, currency) values ('OLD', '', '', '') returning id`,
  );
  const id = Number(row!['id']);
  const early = ['1000-01-01', '1000-12-31', '1500-06-01', '1999-12-31'];
  await admin.query(`insert into corporate_actions (asset_id, date, split_factor) select $1, unnest($2::date[]), 2`, [
    id,
    early,
  ]);
  await admin.query(`insert into price (asset_id, date, close) values ($1, '2000-01-03', 10)`, [id]);
  let statements = 0;
  const query = ((text, parameters) => {
    statements += 1;
    return database.reader.query(text, parameters);
  }) as Query;
  // Closes and actions of so many assets are read for 320 days at a time.
  const assets = [id, ...Array.from({ length: 999 }, (_, index) => id + 1 + index)];
  const dates: string[] = [];
  for await (const { date, actions } of marketDays({ query }, { assets, after: null, to: null })) {
    if (actions.length > 0) dates.push(date);
  }
  t.deepEqual(dates, early);
  t.log(`${statements} statements`);
  t.true(statements <= 12, `${statements} statements`);
});
