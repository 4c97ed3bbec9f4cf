import test, { type ExecutionContext } from 'ava';
import { base, type Item } from '../setup-http.ts';
import { setupUniverses } from './setup.ts';

const universe = (symbols: readonly string[], code?: string): Item => {
  const assets = symbols.map((symbol) => ({ symbol }));
  const indexes = code ? [{ code, name: code, method: 'equal_weighted', constituents: assets }] : [];
  return { title: 'x', source: 'upload', interval: '1day', assets, indexes };
};

const setupPrices = async (t: ExecutionContext) => {
  const http = await setupUniverses(t, { jobs: { enqueue: async () => true } });
  const { call, get, refreshes, admin } = http;
  const put = async (name: string, definition: Item, version?: number): Promise<void> => {
    const headers = version === undefined ? { 'If-None-Match': '*' } : { 'If-Match': `"${version}"` };
    const answer = await http.put(name, definition, headers);
    t.true(answer.ok, await answer.text());
  };
  /** Closes of days that follow each other, by symbol. */
  const upload = async (name: string, series: Readonly<Record<string, readonly number[]>>): Promise<void> => {
    const rows = Object.entries(series).flatMap(([symbol, closes]) =>
      closes.map((close, day) => `${symbol},2024-01-0${day + 1},${close}`),
    );
    const headers = { 'Content-Type': 'text/csv', Prefer: 'wait=20' };
    const body = ['symbol,date,close', ...rows].join('\n');
    const answer = await call(`${base}/universes/${name}/prices?mode=replace`, { method: 'POST', headers, body });
    t.is(answer.status, 200, await answer.text());
  };
  const refresh = async (name: string): Promise<void> => {
    t.is((await refreshes.run({ universe: name, trigger: 'change' })).status, 'succeeded');
  };
  const values = async (code: string): Promise<unknown[]> =>
    (
      await admin.query(
        `select value from index_value join market_index on id = index_id where code = $1 order by date`,
        [code],
      )
    ).map(({ value }) => value);
  /** The values are those that follow from the stored prices, and the last one is explained. */
  const assertRight = async (name: string, code: string): Promise<void> => {
    const found = await values(code);
    t.is((await get(`/indexes/${code}/explain`))['value'], found.at(-1));
    await admin.query('update market_index set calculation = null');
    await refresh(name);
    t.deepEqual(found, await values(code));
  };
  return { ...http, put, upload, refresh, values, assertRight };
};

test('an index is calculated again after the bars of a constituent were deleted, although its definition is the former one', async (t) => {
  const { put, upload, refresh, values, assertRight } = await setupPrices(t);
  await put('own', universe(['DELX', 'STAY'], 'IDEL'));
  await upload('own', { DELX: [100, 200], STAY: [100, 100] });
  t.deepEqual(await values('IDEL'), [1_000, 1_500]);
  // Both changes commit before the job of one of them begins.
  await put('own', universe(['STAY'], 'IDEL'), 1);
  await put('own', universe(['DELX', 'STAY'], 'IDEL'), 2);
  await refresh('own');
  t.deepEqual(await values('IDEL'), [1_000, 1_000]);
  await assertRight('own', 'IDEL');
});

test('an index is calculated again after another universe has changed a price and was deleted', async (t) => {
  const { put, upload, refresh, remove, values, assertRight } = await setupPrices(t);
  await put('own', universe(['SHX'], 'IOWN'));
  await put('other', universe(['SHX']));
  await upload('own', { SHX: [100, 110] });
  await upload('other', { SHX: [100, 300] });
  t.is((await remove('other', { 'If-Match': '*' })).status, 204);
  t.deepEqual(await values('IOWN'), [1_000, 1_100], 'not calculated yet');
  await refresh('own');
  t.deepEqual(await values('IOWN'), [1_000, 3_000]);
  await assertRight('own', 'IOWN');
});

test('an index is calculated again after another universe has changed a price, while its own one lacked the symbol', async (t) => {
  const { put, upload, refresh, remove, values, assertRight } = await setupPrices(t);
  await put('own', universe(['SHX', 'STAY'], 'IOWN'));
  await put('other', universe(['SHX']));
  await upload('own', { SHX: [100, 200], STAY: [100, 100] });
  await put('own', universe(['STAY'], 'IOWN'), 1);
  await upload('other', { SHX: [100, 400] });
  await put('own', universe(['SHX', 'STAY'], 'IOWN'), 2);
  t.is((await remove('other', { 'If-Match': '*' })).status, 204);
  await refresh('own');
  t.deepEqual(await values('IOWN'), [1_000, 2_500]);
  await assertRight('own', 'IOWN');
});
