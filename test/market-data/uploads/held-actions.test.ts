import test from 'ava';
import { setupUploads } from './setup.ts';

const columns = 'symbol,date,high,low,close,dividend,split_factor,shares\n';

test('dividends and shares of bars that are held back are not stored, and what is stored for these days stays', async (t) => {
  const { send, admin, contents } = await setupUploads(t);
  const actions = async (): Promise<string[]> =>
    (
      await admin.query(
        `select date::text, dividend, split_factor, shares from corporate_actions join asset on id = asset_id
         where symbol = 'AAA' order by corporate_actions.date`,
      )
    ).map((row) => Object.values(row).join(' '));
  const first = ['02,,,100,1,,500', '03,,,101,,,510', '04,,,102,,,520'].map((row) => `AAA,2024-01-${row}`);
  t.is((await send(columns + first.join('\n'))).status, 200);
  const stored = ['2024-01-02 1  500', '2024-01-03   510', '2024-01-04   520'];
  t.deepEqual(await actions(), stored);

  const held = [
    // A low above the high, with and without a stored bar of the day, and a price that moved too far.
    '03,1,2,101,9,,999',
    '04,,,102,,,530',
    '05,1,2,103,9,,999',
    '08,,,9000,9,,999',
    // One of two lines is believed.
    '09,1,2,104,,,540',
    '09,,,104,,,550',
    // The split stays, because later bars are in the new unit.
    '10,1,2,26,9,4,999',
    '11,,,26,,,2200',
  ].map((row) => `AAA,2024-01-${row}`);
  const file = [first[0], ...held].join('\n');
  const { body } = await send(columns + file);
  t.like(body, { status: 'succeeded_with_quarantine', quarantined: 5 });
  t.deepEqual(await actions(), [
    '2024-01-02 1  500',
    '2024-01-03   510',
    '2024-01-04   530',
    '2024-01-09   550',
    '2024-01-10  4 ',
    '2024-01-11   2200',
  ]);
  const before = await contents();
  t.is((await send(columns + file)).status, 200);
  t.is((await contents()).split(' ').slice(0, 3).join(' '), before.split(' ').slice(0, 3).join(' '));

  t.is((await send(columns + file, { query: '?mode=replace' })).status, 200);
  t.deepEqual(
    (await actions()).map((row) => row.slice(0, 10)),
    ['2024-01-02', '2024-01-04', '2024-01-09', '2024-01-10', '2024-01-11'],
    'a file that replaces all bars leaves no action of a former one',
  );
});
