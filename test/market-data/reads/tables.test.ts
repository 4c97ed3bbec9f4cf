import test from 'ava';
import { tableFromIPC } from 'apache-arrow';
import type { Item, List } from '../setup-http.ts';
import { loaded } from '../setup-http.ts';

const csv = { headers: { Accept: 'text/csv' } };

test('prices of several symbols are sorted by symbol and date, page by page', async (t) => {
  const { get } = await loaded(t);
  const path = '/prices?symbols=MSFT,AAPL,NOBODY&from=2009-01-01&to=2009-12-31';
  const whole = await get<List>(`${path}&limit=1000`);
  const one = await get<List>('/assets/AAPL/prices?from=2009-01-01&to=2009-12-31');
  const other = await get<List>('/assets/MSFT/prices?from=2009-01-01&to=2009-12-31');
  t.deepEqual(whole.data, [
    ...one.data.map((bar) => ({ symbol: 'AAPL', ...bar })),
    ...other.data.map((bar) => ({ symbol: 'MSFT', ...bar })),
  ]);
  t.is(whole.data.length, 24);
  const pages: Item[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: List = await get<List>(`${path}&limit=7${cursor && `&cursor=${cursor}`}`);
    pages.push(...page.data);
    cursor = page.page.next_cursor;
  }
  t.deepEqual(pages, whole.data);
  // A cursor belongs to its symbols.
  const first = await get<List>(`${path}&limit=7`);
  await get(`/prices?symbols=MSFT&limit=7&cursor=${String(first.page.next_cursor)}`, 422);
});

test('prices of 100 long symbols have a second page', async (t) => {
  const { get } = await loaded(t);
  const symbols = ['AAPL', ...Array.from({ length: 99 }, (_, index) => `${'S'.repeat(29)}${index}`)].join(',');
  const first = await get<List>(`/prices?symbols=${symbols}&limit=2`);
  const second = await get<List>(`/prices?symbols=${symbols}&limit=2&cursor=${String(first.page.next_cursor)}`);
  const whole = await get<List>('/prices?symbols=AAPL&limit=4');
  t.deepEqual([...first.data, ...second.data], whole.data);
});

test('wrong symbols are refused with a pointer', async (t) => {
  const { get } = await loaded(t);
  for (const query of [
    '',
    '?symbols=',
    '?symbols=A,,B',
    `?symbols=${Array.from({ length: 101 }, (_, n) => `S${n}`).join(',')}`,
  ]) {
    const problem = await get(`/prices${query}`, 422);
    t.regex(JSON.stringify(problem['errors']), /query\.symbols/, query);
  }
  t.is(
    (await get('/prices', 422))['detail'],
    'symbols is required: add symbols=AAPL,MSFT to the query (symbols, comma-separated, at most 100)',
  );
});

test('prices and index values are CSV for a client that prefers it, with the same numbers and a cursor', async (t) => {
  const { call, get } = await loaded(t);
  for (const path of [
    '/prices?symbols=MSFT,AAPL&limit=5',
    '/assets/^GSPC/prices?limit=5',
    '/assets/AAPL/prices?latest=3&order=desc',
    '/indexes/TECH5_EW/values?limit=5',
    '/indexes/TECH5_EW/values?limit=5&fields=value',
  ]) {
    const list = await get<List>(path);
    const answer = await call(`/api/v1${path}`, csv);
    t.is(answer.status, 200);
    t.is(answer.headers.get('Content-Type'), 'text/csv; charset=utf-8');
    t.is(answer.headers.get('Vary')?.includes('Accept'), true);
    t.is(answer.headers.get('X-Next-Cursor'), list.page.next_cursor);
    const [head = '', ...lines] = (await answer.text()).trimEnd().split('\n');
    t.deepEqual(head.split(','), Object.keys(list.data[0]!));
    t.deepEqual(
      lines,
      list.data.map((row) =>
        Object.values(row)
          .map((value) => (typeof value === 'number' || typeof value === 'string' ? value : ''))
          .join(','),
      ),
    );
    const etag = answer.headers.get('ETag') ?? '';
    t.is((await call(`/api/v1${path}`, { headers: { ...csv.headers, 'If-None-Match': etag } })).status, 304);
  }
  t.is((await call('/api/v1/prices?symbols=AAPL', { headers: { Accept: 'image/png' } })).status, 406);
  const json = await call('/api/v1/prices?symbols=AAPL', { headers: { Accept: '*/*' } });
  t.regex(json.headers.get('Content-Type') ?? '', /^application\/json/);
});

test('prices and index values are Arrow for a client that prefers it, with the same values and a cursor', async (t) => {
  const { call, get } = await loaded(t);
  const arrowType = 'application/vnd.apache.arrow.stream';
  const arrow = { headers: { Accept: arrowType } };
  for (const path of [
    '/prices?symbols=MSFT,AAPL&limit=5',
    '/assets/^GSPC/prices?limit=5',
    '/assets/AAPL/prices?latest=3&order=desc',
    '/assets/AAPL/prices?from=2099-01-01',
    '/indexes/TECH5_EW/values?limit=5',
    '/indexes/TECH5_EW/values?limit=5&fields=value',
  ]) {
    const list = await get<List>(path);
    const answer = await call(`/api/v1${path}`, arrow);
    t.is(answer.status, 200);
    t.is(answer.headers.get('Content-Type'), arrowType);
    t.is(answer.headers.get('X-Next-Cursor'), list.page.next_cursor);
    const table = tableFromIPC(new Uint8Array(await answer.arrayBuffer()));
    const rows = table.toArray().map((row) => {
      const values = Object.entries((row as { toJSON: () => Item }).toJSON());
      const plain = (value: unknown): unknown =>
        value instanceof Date || typeof value === 'number' ? value : (value ?? null);
      return Object.fromEntries(
        values.map(([name, value]) => [
          name,
          name === 'date' ? new Date(Number(value)).toISOString().slice(0, 10) : plain(value),
        ]),
      );
    });
    t.deepEqual(rows, list.data, path);
    const etag = answer.headers.get('ETag') ?? '';
    t.is((await call(`/api/v1${path}`, { headers: { ...arrow.headers, 'If-None-Match': etag } })).status, 304);
  }
  const types = (await call('/api/v1/prices?symbols=AAPL&limit=1', arrow)).arrayBuffer();
  t.deepEqual(
    tableFromIPC(new Uint8Array(await types)).schema.fields.map(({ name, type }) => `${name} ${String(type)}`),
    ['symbol Utf8', 'date Date32<DAY>', ...['open', 'high', 'low', 'close', 'volume'].map((name) => `${name} Float64`)],
  );
});
