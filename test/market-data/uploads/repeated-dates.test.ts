import test from 'ava';
import type { Item, List } from '../setup-http.ts';
import { setupUploads } from './setup.ts';

const columns = 'symbol,date,close,volume,dividend,split_factor\n';
const fileOf = (lines: readonly string[]): string => `${columns}${lines.join('\n')}\n`;
const repeated = (line: string, count: number): string[] => Array.from({ length: count }, () => line);

test.serial('the judgement of splits has bounded work for a file that repeats two days', async (t) => {
  const { send } = await setupUploads(t);
  const count = 8_000;
  const file = fileOf([
    ...repeated('AAA,2024-01-03,100,,,', count),
    ...repeated('AAA,2024-01-04,50,,,2', count),
    'AAA,2024-01-05,50,,,',
  ]);
  // Each row of one day joined with each row of the other would be 64 million rows.
  const { status, body } = await send(file);
  t.is(status, 200, JSON.stringify(body).slice(0, 500));
  t.is(body['rows_read'], 2 * count + 1);
});

test.serial('a split is judged by the later line of its day and of the day before', async (t) => {
  const { send, contents } = await setupUploads(t);
  const before = await contents();
  const applied = fileOf([
    'AAA,2024-01-03,100,,,',
    'AAA,2024-01-03,25,,,',
    'AAA,2024-01-04,100,,,',
    'AAA,2024-01-04,25,,,4',
  ]);
  const { status, body } = await send(applied);
  t.is(status, 422);
  t.like((body['errors'] as Item[])[0], { line: 5, code: 'split_already_applied' });
  t.is(body['errors_total'], 1);
  t.is(await contents(), before);
  // The later lines are as traded, or have no split.
  const traded = ['AAA,2024-01-03,25,,,', 'AAA,2024-01-03,100,,,', 'AAA,2024-01-04,100,,,4', 'AAA,2024-01-04,25,,,4'];
  t.is((await send(fileOf(traded))).status, 200);
  const withoutSplit = ['AAA,2024-01-03,25,,,', 'AAA,2024-01-04,25,,,4', 'AAA,2024-01-04,25,,0.5,'];
  t.is((await send(fileOf(withoutSplit), { query: '?mode=replace' })).status, 200);
});

test.serial('a file with more large splits of a symbol than any share has had is refused', async (t) => {
  const { send } = await setupUploads(t);
  const day = (index: number): string => new Date(Date.UTC(2000, 0, 1 + index)).toISOString().slice(0, 10);
  const splits = (count: number): string =>
    fileOf(
      Array.from(
        { length: count },
        (_, index) => `AAA,${day(index)},${index % 2 === 0 ? 100 : 50},,,${index % 2 === 0 ? 0.5 : 2}`,
      ),
    );
  const { status, body } = await send(splits(101));
  t.is(status, 422);
  t.regex(String(body['detail']), /at most 100 splits/);
  t.is((await send(splits(100))).status, 200);
  // Repeated lines of one day are one split.
  const same = fileOf(['AAA,2024-01-03,100,,,', ...repeated('AAA,2024-01-04,25,,,4', 101)]);
  t.is((await send(same, { query: '?mode=replace' })).status, 200);
});

test.serial('prices at both ends of the range of numbers give 422 or are stored, and never 500', async (t) => {
  const { send } = await setupUploads(t);
  const grown = await send(fileOf(['AAA,2024-01-03,1e-100,,,', 'AAA,2024-01-04,1e15,,,4']));
  t.is(grown.status, 422, JSON.stringify(grown.body));
  t.is(grown.body['code'], 'upload_refused');
  const fallen = await send(fileOf(['BBB,2024-01-03,1e15,,,', 'BBB,2024-01-04,1e-100,,,4']));
  t.not(fallen.status, 500, JSON.stringify(fallen.body));
  const tiny = await send(fileOf(['AAA,2024-01-03,100,1e-400,1e-400,1e-400', 'AAA,2024-01-04,100,0e5,,']), {
    query: '?mode=replace',
  });
  t.is(tiny.status, 200, JSON.stringify(tiny.body));
});

for (const query of ['?adjusted=true', '?adjusted=true&mode=replace']) {
  test.serial(`prices are changed by the splits that are stored, and by no others: ${query}`, async (t) => {
    const { send, get, admin } = await setupUploads(t);
    const file = fileOf(['AAA,2024-01-02,25,,,', 'AAA,2024-01-03,25.5,,,2', 'AAA,2024-01-03,25.5,,0.5,']);
    t.is((await send(file, { query })).status, 200);
    t.deepEqual(await admin.query('select date::text, dividend, split_factor from corporate_actions'), [
      { date: '2024-01-03', dividend: 0.5, split_factor: null },
    ]);
    const closes = (await get<List>('/assets/AAA/prices')).data.map(({ close }) => close);
    t.deepEqual(closes, [25, 25.5]);
  });
}
