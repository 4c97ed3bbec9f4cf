import test from 'ava';
import type { Item, List } from '../setup-http.ts';
import { setupUploads } from './setup.ts';

const columns = 'symbol,date,open,close,volume,dividend,split_factor\n';
/** The days of a share with a split of four for one, in shares of today. */
const adjusted = [
  'AAA,2024-01-02,24,25,400,0.25,',
  'AAA,2024-01-03,25,26,800,,',
  'AAA,2024-01-04,26,26.5,500,,4',
  'AAA,2024-01-05,27,27,100,0.3,',
];
const traded = [
  'AAA,2024-01-02,96,100,100,1,',
  'AAA,2024-01-03,100,104,200,,',
  'AAA,2024-01-04,26,26.5,500,,4',
  'AAA,2024-01-05,27,27,100,0.3,',
];
const fileOf = (lines: readonly string[]): string => `${columns}${lines.join('\n')}\n`;

/** What reads answer and what is stored. */
const setup = async (t: Parameters<typeof setupUploads>[0]) => {
  const room = await setupUploads(t);
  const read = async (query = ''): Promise<unknown[]> =>
    (await room.get<List>(`/assets/AAA/prices${query}`)).data.map(({ date, close, volume }) => [date, close, volume]);
  const actions = async (): Promise<unknown[]> =>
    (await room.admin.query('select date::text, dividend, split_factor from corporate_actions order by date')).map(
      (row) => Object.values(row),
    );
  return { ...room, read, actions };
};

test.serial('a file in shares of today and the same file as traded give the same data', async (t) => {
  const { send, read, actions, contents } = await setup(t);
  const first = await send(fileOf(traded));
  t.is(first.status, 200, JSON.stringify(first.body));
  const expected = await contents();
  const values = await read();
  t.deepEqual(values, [
    ['2024-01-02', 25, 400],
    ['2024-01-03', 26, 800],
    ['2024-01-04', 26.5, 500],
    ['2024-01-05', 27, 100],
  ]);
  for (const query of ['?adjusted=true', '?adjusted=true&mode=replace']) {
    const answer = await send(fileOf(adjusted), { query });
    t.like(answer.body, { status: 'succeeded', quarantined: 0 });
    t.is(await contents(), expected, query);
  }
  t.deepEqual(await read(), values);
  t.deepEqual(await read('?adjusted=false'), [
    ['2024-01-02', 100, 100],
    ['2024-01-03', 104, 200],
    ['2024-01-04', 26.5, 500],
    ['2024-01-05', 27, 100],
  ]);
  t.deepEqual(await actions(), [
    ['2024-01-02', 1, null],
    ['2024-01-04', null, 4],
    ['2024-01-05', 0.3, null],
  ]);
});

for (const [order, lines] of [
  ['as they come', adjusted],
  ['newest first', adjusted.toReversed()],
  ['mixed', [adjusted[2]!, adjusted[0]!, adjusted[3]!, adjusted[1]!]],
] as const) {
  test.serial(`prices that contain their split are refused and not adjusted twice, rows ${order}`, async (t) => {
    const { send, contents, read, metrics } = await setup(t);
    const before = await contents();
    const file = fileOf(lines);
    const line = lines.indexOf(adjusted[2]!) + 2;
    for (const query of ['', '?on_error=skip', '?mode=replace']) {
      const { status, body } = await send(file, { query });
      t.is(status, 422, query);
      t.is(body['code'], 'upload_refused');
      t.regex(String(body['detail']), /adjusted=true/);
      t.like((body['errors'] as Item[])[0], { line, code: 'split_already_applied', column: 'split_factor' });
      t.is(body['errors_total'], 1);
      t.like(body['refresh'], { status: 'failed', rows_read: 4, errors_total: 1 });
      t.is(await contents(), before);
    }
    t.is(metrics.value('volwatch_upload_rows_total', { outcome: 'refused' }), 3);
    t.is((await send(file, { query: '?adjusted=true' })).status, 200);
    t.deepEqual((await read()).slice(0, 2), [
      ['2024-01-02', 25, 400],
      ['2024-01-03', 26, 800],
    ]);
  });
}

test.serial('who says that the prices are as traded is believed', async (t) => {
  const { send, read } = await setup(t);
  t.is((await send(fileOf(adjusted), { query: '?adjusted=false' })).status, 200);
  t.deepEqual((await read('?adjusted=false'))[0], ['2024-01-02', 25, 400]);
  t.deepEqual((await read())[0], ['2024-01-02', 6.25, 1600]);
});

test.serial('small splits, and splits without an earlier bar, are no reason to refuse a file', async (t) => {
  const { send } = await setup(t);
  t.is((await send(fileOf(['AAA,2024-01-03,,100,,,', 'AAA,2024-01-04,,100,,,1.05']))).status, 200);
  t.is((await send(fileOf(['BBB,2024-01-04,,100,,,4']))).status, 200);
  t.is((await send(fileOf(['BBB,2023-06-01,,100,,,', 'BBB,2024-01-04,,100,,,4']))).status, 200);
});

test.serial('stored splits after the rows of a file count too, and the file replaces those of its range', async (t) => {
  const { send, read, actions } = await setup(t);
  t.is((await send(fileOf(traded))).status, 200);
  // The first day again, without a column for splits: the stored split is the reason of the factor.
  const single = await send('symbol,date,close,volume\nAAA,2024-01-02,25,400\n', { query: '?adjusted=true' });
  t.like(single.body, { status: 'succeeded', rows_written: 1 });
  t.deepEqual((await read('?adjusted=false'))[0], ['2024-01-02', 100, 100]);
  // A file with another split on the same day is the truth.
  const other = adjusted.map((line) => line.replace(/,4$/, ',2'));
  t.is((await send(fileOf(other), { query: '?adjusted=true&mode=replace' })).status, 200);
  t.deepEqual((await read('?adjusted=false'))[0], ['2024-01-02', 50, 200]);
  t.deepEqual((await read())[0], ['2024-01-02', 25, 400]);
  t.deepEqual((await actions())[0], ['2024-01-02', 0.5, null]);
});

test.serial('a symbol has at most 100 splits, also small ones of many files', async (t) => {
  const { send, contents } = await setup(t);
  const day = (index: number): string => new Date(Date.UTC(2000, 0, 1 + index)).toISOString().slice(0, 10);
  const splits = (first: number, count: number, symbol = 'AAA'): string =>
    fileOf(
      Array.from({ length: count }, (_, index) => `${symbol},${day(first + index)},,100,,,${index % 2 ? 0.8 : 1.25}`),
    );
  const refusedWith = { status: 422, code: 'upload_refused' } as const;
  t.like((await send(splits(0, 101))).body, {
    ...refusedWith,
    detail: 'AAA would have more than 100 splits. Nothing was stored',
  });
  t.is((await send(splits(0, 60))).status, 200);
  const before = await contents();
  for (const query of ['', '?adjusted=false', '?adjusted=true']) {
    t.like((await send(splits(60, 41), { query })).body, refusedWith, query);
    t.is(await contents(), before, query);
  }
  t.is((await send(splits(60, 40))).status, 200);
  t.is((await send(splits(0, 100, 'BBB'))).status, 200);
  t.is((await send(splits(50, 100), { query: '?mode=replace' })).status, 200);
});

test.serial('absurd splits are refused with a sentence', async (t) => {
  const { send, contents } = await setup(t);
  const before = await contents();
  const day = (index: number): string => new Date(Date.UTC(2000, 0, 1 + index)).toISOString().slice(0, 10);
  const many = Array.from({ length: 102 }, (_, index) => `AAA,${day(index)},,100,,,1.01`);
  const large = Array.from({ length: 5 }, (_, index) => `AAA,${day(index)},,100,,,10000`);
  const tiny = ['AAA,2024-01-03,,2e-100,,,', 'AAA,2024-01-04,,2e-100,,,0.25'];
  const huge = ['AAA,2024-01-03,,5e14,,,', 'AAA,2024-01-04,,5e14,,,4'];
  for (const [lines, detail] of [
    [many, /at most 100 splits/],
    [large, /multiply its shares/],
    [tiny, /line 2 as they were traded must be from 1e-100 to 1e15/],
    [huge, /line 2 as they were traded must be from 1e-100 to 1e15/],
  ] as const) {
    const { status, body } = await send(fileOf(lines), { query: '?adjusted=true' });
    t.is(status, 422);
    t.is(body['code'], 'upload_refused');
    t.regex(String(body['detail']), detail);
  }
  // Prices as they were traded show splits, so they fall with them.
  const falling = Array.from({ length: 5 }, (_, index) => `AAA,${day(index)},,${1e8 / 10_000 ** index},,,10000`);
  const further = Array.from(
    { length: 5 },
    (_, index) => `AAA,${day(2_000 - index)},,${10_000 ** index / 1_000},,,0.0001`,
  );
  for (const lines of [falling, further]) {
    const { body } = await send(fileOf(lines), { query: '?adjusted=false' });
    t.like(body, { status: 422, code: 'upload_refused' });
    t.regex(String(body['detail']), /^AAA would have splits that multiply its shares by more than 1000000000000000000/);
  }
  t.is(await contents(), before);
  // Many files, each of them with few splits.
  t.is((await send(fileOf(falling.slice(0, 4)), { query: '?adjusted=false' })).status, 200);
  t.is((await send(fileOf([`AAA,${day(5)},,1e-8,,,10000`]), { query: '?adjusted=false' })).status, 422);
});
