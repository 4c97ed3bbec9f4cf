import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';

test('a corporate action has at least one value, and values are positive and finite', async (t) => {
  const { query } = await setupDatabase(t);
  await query(`insert into asset (id, symbol, name, exchange, currency) values (1, 'AAPL', 'Apple', 'NASDAQ', 'USD')`);
  const insert = (values: string) => query(`insert into corporate_actions values (1, '2024-01-02', ${values})`);
  for (const column of [0, 1, 2]) {
    for (const value of ['0', '-1', `'NaN'`, `'Infinity'`, `'-Infinity'`]) {
      const values = ['null', 'null', 'null'].with(column, value).join(',');
      await t.throwsAsync(insert(values), { message: /corporate_actions_\w+_check/ }, values);
    }
  }
  await t.throwsAsync(insert('null, null, null'), { message: /corporate_actions_content_check/ });
  await insert('0.24, 4, 15e9');
  await t.throwsAsync(insert('0.24, null, null'), { message: /corporate_actions_pkey/ });
});
