import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { base, setupHttp, type Item } from '../setup-http.ts';
import { faultReached } from '../setup.ts';
import { header, setupUploads } from './setup.ts';

const row = 'AAA,2024-01-02,100\n';

test('an upload holds its place after its 202, until its prices are stored', async (t) => {
  const http = await setupUploads(t);
  const { send, put, call, faults } = http;
  for (const [name, symbol] of [
    ['second', 'CCC'],
    ['third', 'DDD'],
  ] as const) {
    const definition = { title: name, source: 'upload', interval: '1day', assets: [{ symbol }], indexes: [] };
    t.is((await put(name, definition)).status, 201);
  }
  const upload = async (name: string, symbol: string, caller: string): Promise<Item> => {
    const headers = { 'Content-Type': 'text/csv', 'X-Caller': caller };
    const body = `${header}${symbol},2024-01-02,1\n`;
    const answer = await call(`${base}/universes/${name}/prices`, { method: 'POST', headers, body });
    return { ...((await answer.json()) as Item), http: answer.status };
  };
  faults.set('refresh.commit', { mode: 'delay', probability: 1, delay_ms: 3_000, count: 2 });
  t.is((await send(header + row, { headers: { Prefer: '' } })).status, 202);
  const own = await send(header + row, { headers: { Prefer: '' } });
  t.is(own.body['code'], 'concurrency_limit_exceeded', 'of the caller, whose prices are being stored');
  t.is((await upload('second', 'CCC', 'two'))['http'], 202);
  t.is((await upload('third', 'DDD', 'three'))['code'], 'overloaded', 'of the process');
  await http.refreshes.idle();
  t.is((await upload('third', 'DDD', 'three'))['http'], 202);
  await http.refreshes.idle();
  t.is((await send(header + row)).status, 200);
});

test('refreshes by requests are bounded while they wait for their provider', async (t) => {
  const http = await setupHttp(t, { maxRefreshes: 2, service: { timeouts: { fetchMs: 60_000, applyMs: 20_000 } } });
  const { post, faults, refreshes } = http;
  faults.set('provider.fetch', { mode: 'delay', probability: 1, delay_ms: 3_000, count: 2 });
  t.is((await post({ universe: 'tech5' })).status, 202);
  await faultReached(http, 'provider.fetch');
  const own = await post({ universe: 'sp500' });
  t.is(own.status, 429);
  t.is(((await own.json()) as Item)['code'], 'concurrency_limit_exceeded');
  t.is((await post({ universe: 'sp500' }, { 'X-Caller': 'two' })).status, 202);
  const third = await post({ universe: 'tech5' }, { 'X-Caller': 'three' });
  t.is(third.status, 503);
  t.is(third.headers.get('retry-after'), '10');
  const problem = (await third.json()) as Item;
  t.is(problem['code'], 'overloaded');
  t.regex(String(problem['detail']), /REFRESHES_LIMIT is 2/);
  await refreshes.idle();
  t.is((await post({ universe: 'tech5' }, { Prefer: 'wait=20' })).status, 200);
});

test('refreshes that cannot begin leave their places', async (t) => {
  const { post } = await setupHttp(t, { maxRefreshes: 1 });
  for (let attempt = 0; attempt < 3; attempt += 1) t.is((await post({ universe: 'unknown' })).status, 422);
  t.is((await post({ universe: 'tech5' }, { Prefer: 'wait=20' })).status, 200);
});

test('an upload that is ended while it is stored writes no more rows', async (t) => {
  const { refreshes, metrics, admin } = await setupUploads(t);
  const controller = new AbortController();
  const record = await refreshes.run({
    universe: 'desk',
    trigger: 'request',
    signal: controller.signal,
    upload: {
      mode: 'merge',
      onError: 'fail',
      // Such a file is accepted after the checks of its stored splits, so in the middle of the work.
      adjusted: true,
      read: (consume) =>
        consume({
          mediaType: 'text/csv',
          pieces: (async function* () {
            yield Buffer.from(header + row);
          })(),
          signal: new AbortController().signal,
        }),
      onAccepted: () => controller.abort(new AppError('shutting_down')),
    },
  });
  t.like(record, { status: 'rolled_back', reason: 'shutting_down' });
  const labels = { db_operation_name: 'INSERT', db_collection_name: 'price' };
  t.is(metrics.value('db_client_operation_duration_seconds', labels), 0);
  t.deepEqual(await admin.query('select 1 from price'), []);
});
