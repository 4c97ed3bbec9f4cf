import test from 'ava';
import { addDays, utcDay } from '#src/kernel/calendar.ts';
import { type Item, type List } from '../setup-http.ts';
import { header, setupUploads, two } from './setup.ts';

test.serial('a CSV becomes prices and index values, with a record, audit events and metrics', async (t) => {
  const { send, closes, get, metrics, admin } = await setupUploads(t);
  const { status, body } = await send(two);
  t.is(status, 200);
  t.like(body, {
    status: 'succeeded',
    source: 'upload',
    trigger: 'request',
    universe: 'desk',
    universe_version: 1,
    prices: 4,
    rows_read: 4,
    rows_written: 4,
    errors: [],
    errors_total: 0,
    quarantined: 0,
    index_values: 2,
  });
  t.deepEqual(await closes(), ['AAA 2024-01-02 100', 'AAA 2024-01-03 101', 'BBB 2024-01-02 50', 'BBB 2024-01-03 49.5']);
  const values = await get<List>('/indexes/DESK_EW/values');
  t.deepEqual(values.data, [
    { date: '2024-01-02', value: 1000 },
    { date: '2024-01-03', value: 1000 * (1 + (0.01 - 0.01) / 2) },
  ]);
  t.deepEqual(await get(`/refreshes/${String(body['id'])}`), body);
  const rows = (outcome: 'written' | 'held_back' | 'refused') =>
    metrics.value('volwatch_upload_rows_total', { outcome });
  t.deepEqual([rows('written'), rows('held_back'), rows('refused')], [4, 0, 0]);
  t.is(metrics.value('volwatch_upload_bytes_total'), two.length);
  const events = await admin.query(`select action from audit_event where stream = 'refresh:desk' order by sequence`);
  t.deepEqual(
    events.map(({ action }) => action),
    ['refresh.started', 'refresh.applied', 'refresh.succeeded'],
  );
  const [asset] = await admin.query(`select price_source, price_interval from asset where symbol = 'AAA'`);
  t.deepEqual(asset, { price_source: 'upload', price_interval: '1day' });
});

test.serial('without Prefer the answer is 202 after the file was read, with the place of the record', async (t) => {
  const { send, refreshes, get } = await setupUploads(t);
  const { status, body } = await send(two, { headers: { Prefer: '' } });
  t.is(status, 202);
  t.is(body['status'], 'running');
  await refreshes.idle();
  t.like(await get(`/refreshes/${String(body['id'])}`), { status: 'succeeded', rows_written: 4 });
});

test.serial('each wrong row is refused with its line, and the file with it', async (t) => {
  const { send, contents, metrics } = await setupUploads(t);
  t.is((await send(two)).status, 200);
  const before = await contents();
  const rows = [
    ['AAA,2024-01-04', 'column_count', undefined],
    ['AAA,2024-01-04,1,1', 'column_count', undefined],
    ['CCC,2024-01-04,1', 'unknown_symbol', 'symbol'],
    ['aaa,2024-01-04,1', 'unknown_symbol', 'symbol'],
    [',2024-01-04,1', 'missing_value', 'symbol'],
    ['AAA,,1', 'missing_value', 'date'],
    ['AAA,2024-02-30,1', 'invalid_date', 'date'],
    ['AAA,01/02/2024,1', 'invalid_date', 'date'],
    ['AAA,0000-01-01,1', 'invalid_date', 'date'],
    ['AAA,2024-01-04,', 'missing_value', 'close'],
    ['AAA,2024-01-04,=1+1', 'invalid_number', 'close'],
    ['AAA,2024-01-04,"1,234.5"', 'invalid_number', 'close'],
    ['AAA,2024-01-04,NaN', 'invalid_number', 'close'],
    ['AAA,2024-01-04,Infinity', 'invalid_number', 'close'],
    ['AAA,2024-01-04,0x10', 'invalid_number', 'close'],
    ['AAA,2024-01-04,1e999', 'out_of_range', 'close'],
    ['AAA,2024-01-04,-1', 'out_of_range', 'close'],
    ['AAA,2024-01-04,0', 'out_of_range', 'close'],
    ['\u0000AAA,2024-01-04,1', 'unknown_symbol', 'symbol'],
    ['=cmd|x,2024-01-04,1', 'unknown_symbol', 'symbol'],
  ] as const;
  const file = `${header}AAA,2024-01-04,102\n${rows.map(([row]) => row).join('\n')}\n`;
  const { status, body } = await send(file);
  t.is(status, 422);
  t.is(body['code'], 'upload_refused');
  t.is(body['errors_total'], rows.length);
  t.deepEqual(
    (body['errors'] as Item[]).map(({ line, code, column }) => [line, code, column]),
    rows.map(([, code, column], index) => [index + 3, code, column]),
  );
  t.notRegex(JSON.stringify(body), /cmd|1\+1/);
  t.like(body['refresh'], { status: 'failed', rows_read: rows.length + 1, errors_total: rows.length, rows_written: 0 });
  t.is(await contents(), before);
  t.is(metrics.value('volwatch_upload_rows_total', { outcome: 'refused' }), rows.length);

  const skipped = await send(file, { query: '?on_error=skip' });
  t.is(skipped.status, 200);
  t.like(skipped.body, { status: 'succeeded', rows_written: 1, rows_read: rows.length + 1, errors_total: rows.length });
});

test.serial('a universe that does not exist, or whose prices come from a provider, takes no file', async (t) => {
  const { call } = await setupUploads(t);
  const post = (name: string) =>
    call(`/api/v1/universes/${name}/prices`, { method: 'POST', headers: { 'Content-Type': 'text/csv' }, body: two });
  t.is((await post('nothing')).status, 404);
  const answer = await post('tech5');
  t.is(answer.status, 409);
  t.is(((await answer.json()) as Item)['code'], 'series_source_conflict');
});

test.serial(
  'a merge is the truth between the first and the last date of each symbol, a replacement for the whole series',
  async (t) => {
    const { send, closes } = await setupUploads(t);
    const days = (from: number, to: number, close: (day: number) => number): string =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index)
        .map((day) => `AAA,2024-01-${String(day).padStart(2, '0')},${close(day)}\n`)
        .join('');
    t.is((await send(`${header}${days(1, 20, (day) => 100 + day)}BBB,2024-01-01,5\n`)).status, 200);
    // The 11th is missing in the second file, the 12th has another price.
    const merged = await send(
      `${header}${days(10, 10, (day) => 100 + day)}AAA,2024-01-12,99\n${days(13, 22, (day) => 100 + day)}`,
    );
    t.like(merged.body, { status: 'succeeded', prices: 12, rows_written: 12 });
    const stored = await closes();
    t.is(stored.length, 22);
    t.false(stored.includes('AAA 2024-01-11 111'));
    t.true(stored.includes('AAA 2024-01-12 99'));
    t.true(stored.includes('AAA 2024-01-01 101'));
    t.true(stored.includes('BBB 2024-01-01 5'));

    const replaced = await send(`${header}AAA,2024-01-02,7\nAAA,2024-01-03,8\n`, { query: '?mode=replace' });
    t.like(replaced.body, { status: 'succeeded', prices: 2, series_replaced: [] });
    t.deepEqual(await closes(), ['AAA 2024-01-02 7', 'AAA 2024-01-03 8', 'BBB 2024-01-01 5']);
  },
);

test.serial('a file replaces a series of another source, and the record says so', async (t) => {
  const { send, admin } = await setupUploads(t);
  for (const query of ['', '?mode=replace']) {
    t.is((await send(`${header}AAA,2024-01-02,100\nAAA,2024-01-03,100\n`)).status, 200);
    await admin.query(`update asset set price_source = 'sample'`);
    const { body } = await send(`${header}AAA,2024-01-02,7\nAAA,2024-01-03,7\n`, { query });
    t.like(body, { status: 'succeeded', series_replaced: [{ symbol: 'AAA', reason: 'source_changed' }] });
    t.like((await send(`${header}AAA,2024-01-02,7\n`, { query: '?mode=replace' })).body, { series_replaced: [] });
  }
});

test.serial(
  'prices that are not believed are held back, as in any refresh, whatever the way of the rows',
  async (t) => {
    const { send, closes, get } = await setupUploads(t);
    const first = await send(
      `symbol,date,close,high,low\nAAA,2024-01-02,100,,\nAAA,2024-01-03,100000,,\nAAA,2024-01-04,101,,\nBBB,2024-01-02,10,9,8\nBBB,2024-01-03,10,,\nBBB,2024-01-03,10.5,,\n`,
    );
    t.like(first.body, { status: 'succeeded_with_quarantine', quarantined: 3, rows_written: 3, rows_read: 6 });
    t.deepEqual(await closes(), ['AAA 2024-01-02 100', 'AAA 2024-01-04 101', 'BBB 2024-01-03 10.5']);
    const held = await get<List>(`/refreshes/${String(first.body['id'])}/quarantined-prices`);
    t.deepEqual(
      held.data.map(({ symbol, date, reason }) => [symbol, date, reason]),
      [
        ['AAA', '2024-01-03', 'moved_too_far'],
        ['BBB', '2024-01-02', 'impossible'],
        ['BBB', '2024-01-03', 'second_in_period'],
      ],
    );
    // One new day is compared with the stored one before it.
    const next = await send(`${header}AAA,2024-01-05,1000000\n`);
    t.like(next.body, { status: 'succeeded_with_quarantine', quarantined: 1, rows_written: 0 });
    const replacement = await send(`${header}AAA,2024-01-05,1\nAAA,2024-01-06,100\n`, { query: '?mode=replace' });
    t.like(replacement.body, { quarantined: 1, rows_written: 1 });
  },
);

test.serial(
  'a common factor of a part of a series is held back, because the series would have two units',
  async (t) => {
    const { send, contents } = await setupUploads(t);
    const rows = (from: number, to: number, factor: number): string =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index)
        .map((day) => `AAA,2024-01-${String(day).padStart(2, '0')},${(100 + day) * factor}\n`)
        .join('');
    t.is((await send(header + rows(1, 20, 1))).status, 200);
    const before = await contents();
    const part = await send(header + rows(10, 20, 0.5));
    t.like(part.body, { series_held_back: [{ symbol: 'AAA', reason: 'restated', factor: 0.5 }], rows_written: 0 });
    t.is((await contents()).split(' ')[0], before.split(' ')[0]);
    const whole = await send(header + rows(1, 20, 0.5));
    t.like(whole.body, { status: 'succeeded', series_replaced: [{ symbol: 'AAA', reason: 'restated', factor: 0.5 }] });
  },
);

test.serial('dividends, splits and shares are stored; the file is the truth for the columns that it has', async (t) => {
  const { send, admin } = await setupUploads(t);
  const actions = async (): Promise<unknown[]> =>
    (
      await admin.query(
        'select symbol, date::text, dividend, split_factor, shares from corporate_actions join asset on id = asset_id order by 1, 2',
      )
    ).map((row) => Object.values(row));
  const before = ['25', '26', '27', '28', '29'].map((day) => `AAA,2023-12-${day},2000,,,\n`).join('');
  // A split of twenty for one is no jump that is held back.
  const first = await send(
    `symbol,date,close,Dividends,Stock Splits,shares\n${before}AAA,2024-01-02,2000,0,0,10\nAAA,2024-01-03,100,0.5,20,200\nAAA,2024-01-04,100,0,1,\n`,
  );
  t.like(first.body, { status: 'succeeded', rows_written: 8 });
  t.deepEqual(await actions(), [
    ['AAA', '2024-01-02', null, null, 10],
    ['AAA', '2024-01-03', 0.5, 20, 200],
  ]);
  t.is((await send(`symbol,date,close,dividend\nAAA,2024-01-03,100,\nAAA,2024-01-04,100,0.7\n`)).status, 200);
  t.deepEqual(await actions(), [
    ['AAA', '2024-01-02', null, null, 10],
    ['AAA', '2024-01-03', null, 20, 200],
    ['AAA', '2024-01-04', 0.7, null, null],
  ]);
  t.is((await send(`${header}AAA,2024-01-05,100\n`)).status, 200);
  t.is((await actions()).length, 3);
  const replaced = await send(`symbol,date,close,dividend,split_factor,shares\nAAA,2024-01-05,100,,,7\n`, {
    query: '?mode=replace',
  });
  t.is(replaced.status, 200);
  t.deepEqual(await actions(), [['AAA', '2024-01-05', null, null, 7]]);
});

test.serial('an uploaded split moves no index, and only the days from its day on are calculated again', async (t) => {
  const { send, admin, metrics } = await setupUploads(t);
  const bars = Array.from({ length: 80 }, (_, day) => {
    const date = new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10);
    return { date, close: (100 + day) / (day < 60 ? 1 : 4) };
  });
  const linesOf = (first: number): string =>
    bars
      .slice(first)
      .map(({ date, close }) => `AAA,${date},${close}`)
      .join('\n');
  t.is((await send(`${header}${linesOf(0).split('\n').slice(0, 60).join('\n')}\n`)).status, 200);
  const stored = () =>
    admin.query('select index_id, date::text, value, xmin::text from index_value order by index_id, date');
  const before = await stored();
  t.true(before.length > 0);
  const calculated = (extent: string): number => metrics.value('volwatch_index_calculations_total', { extent });
  const all = calculated('all');
  const tail = calculated('tail');
  const late = linesOf(60).split('\n');
  const answer = await send(
    `symbol,date,close,split_factor\n${late.map((line, day) => `${line},${day === 0 ? 4 : ''}`).join('\n')}\n`,
  );
  t.like(answer.body, { status: 'succeeded', quarantined: 0 });
  const after = await stored();
  t.deepEqual(after.slice(0, before.length), before, 'earlier values are not written again');
  t.is(calculated('all'), all);
  t.true(calculated('tail') > tail);
  t.true(Math.abs(Number(after.at(-1)!['value']) / Number(after[0]!['value']) - 179 / 100) < 1e-9);
});

test.serial('the same file twice changes nothing', async (t) => {
  const { send, contents, admin } = await setupUploads(t);
  t.is((await send(two)).status, 200);
  const before = await contents();
  const versions = `select string_agg(xmin::text, ',') as x from price`;
  const [first] = await admin.query(versions);
  t.like((await send(two)).body, { status: 'succeeded', rows_written: 4 });
  t.is(await contents(), before);
  t.deepEqual((await admin.query(versions))[0], first);
});

/** The day in so many days, as a file writes it. */
const inDays = (days: number): string => addDays(utcDay(new Date()), days);

test.serial('a date far in the future is refused, and the end of the running month is stored', async (t) => {
  const { send, closes } = await setupUploads(t);
  // The day of the test can end between the two readings of the clock, so the days at the limit itself are not sent.
  for (const date of [inDays(33), '9500-01-01', '9999-12-31']) {
    const { status, body } = await send(`${header}AAA,2024-01-02,100\nAAA,${date},100\n`);
    t.is(status, 422, date);
    t.like(body['errors'], [
      { line: 3, code: 'out_of_range', column: 'date', detail: 'date must be at most 31 days in the future' },
    ]);
  }
  t.deepEqual(await closes(), []);
  t.is((await send(`${header}AAA,2024-01-02,100\nAAA,${inDays(30)},100\n`)).status, 200);
  t.is((await closes()).length, 2);
});

test.serial('prices of far years that an earlier release took stay readable, and later files are stored', async (t) => {
  const { send, closes, get, admin } = await setupUploads(t);
  t.is((await send(`${header}AAA,2024-01-02,100\nAAA,2024-01-03,100\n`)).status, 200);
  await admin.query(
    `insert into price (asset_id, date, close)
     select id, date, 100 from asset, (values ('9500-01-01'::date), ('9999-12-31')) as far (date) where symbol = 'AAA'`,
  );
  t.is((await send(`${header}BBB,2024-01-02,100\nBBB,2024-01-03,100\n`)).status, 200);
  t.is((await closes()).length, 6);
  const { data } = await get<List>('/assets/AAA/prices?order=desc&limit=2');
  t.deepEqual(
    data.map(({ date }) => date),
    ['9999-12-31', '9500-01-01'],
  );
  t.is((await send(`${header}AAA,2024-01-02,100\nAAA,2024-01-03,101\n`, { query: '?mode=replace' })).status, 200);
  t.is((await closes()).length, 4, 'a file with mode=replace removes them');
});
