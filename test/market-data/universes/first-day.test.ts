import test, { type ExecutionContext } from 'ava';
import { createCalculateIndexes } from '#src/market-data/shared/shared-indexes.ts';
import { base, type Item } from '../setup-http.ts';
import { setupUniverses } from './setup.ts';

const universe = (code: string, more: Item): Item => ({
  title: 'x',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'FRX' }],
  indexes: [{ code, name: code, method: 'rebased', constituents: [{ symbol: 'FRX' }] }],
  ...more,
});

const setupFrom = async (t: ExecutionContext, definitions: Readonly<Record<string, Item>>) => {
  const http = await setupUniverses(t);
  for (const [name, definition] of Object.entries(definitions)) {
    const put = await http.put(name, definition);
    t.is(put.status, 201, await put.text());
  }
  const upload = async (name: string, rows: readonly string[]): Promise<{ status: number; body: Item }> => {
    const headers = { 'Content-Type': 'text/csv', Prefer: 'wait=20' };
    const body = ['symbol,date,close', ...rows.map((row) => `FRX,${row}`)].join('\n');
    const answer = await http.call(`${base}/universes/${name}/prices`, { method: 'POST', headers, body });
    return { status: answer.status, body: (await answer.json()) as Item };
  };
  const values = async (code: string): Promise<string[]> =>
    (await http.get<{ data: Item[] }>(`/indexes/${code}/values`)).data.map(
      ({ date, value }) => `${String(date)} ${String(value)}`,
    );
  return { ...http, upload, values };
};

test('an older history through another universe leaves the index of a universe that begins later as it is', async (t) => {
  const { upload, values, deps, get } = await setupFrom(t, {
    all: universe('FRA', {}),
    late: universe('FRB', { from: '2025-06-01' }),
  });
  t.is((await upload('late', ['2025-06-02,100', '2025-06-03,129'])).status, 200);
  const before = ['2025-06-02 1000', '2025-06-03 1290'];
  t.deepEqual(await values('FRB'), before);
  t.is((await upload('all', ['2025-05-01,50', '2025-05-30,80'])).status, 200);
  await createCalculateIndexes(deps)('late', 'refresh');
  t.deepEqual(await values('FRB'), before);
  t.is((await get('/indexes/FRB/explain?date=2025-06-03'))['value'], 1_290);
  t.deepEqual(await values('FRA'), ['2025-05-01 1000', '2025-05-30 1600', '2025-06-02 2000', '2025-06-03 2580']);
});

test('rows before the first day of a universe are stored, and its indexes do not use them', async (t) => {
  const { upload, values } = await setupFrom(t, {
    days: universe('FRB', { from: '2025-06-01' }),
  });
  t.is((await upload('days', ['2025-05-30,50', '2025-06-02,100', '2025-06-03,129'])).status, 200);
  t.deepEqual(await values('FRB'), ['2025-06-02 1000', '2025-06-03 1290']);
});

test('the first day is that of its period, and a universe without one uses all rows', async (t) => {
  const months = await setupFrom(t, { months: universe('FRM', { from: '2025-06-15', interval: '1month' }) });
  t.is((await months.upload('months', ['2025-05-31,1', '2025-06-30,2', '2025-07-31,3'])).status, 200);
  t.deepEqual((await months.values('FRM')).length, 2);
  const all = await setupFrom(t, { all: universe('FRA', {}) });
  t.is((await all.upload('all', ['1928-01-03,17.76', '1928-01-04,17.72'])).status, 200);
  t.deepEqual((await all.values('FRA')).length, 2);
});
