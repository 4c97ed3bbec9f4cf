import { Table, tableFromArrays, tableFromIPC, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import test from 'ava';
import { data, items, ProblemError, RefreshTimeoutError } from '@volwatch/client';
import { option, recordingClient, withFault } from './service.ts';

const collect = async <Item>(given: AsyncIterable<Item>): Promise<Item[]> => {
  const collected: Item[] = [];
  for await (const item of given) collected.push(item);
  return collected;
};

test.serial('all pages of prices are read', async (t) => {
  const { client, paths } = recordingClient();
  const closes: (number | null)[] = [];
  for await (const { close } of items((cursor) =>
    data(
      client.api.GET('/api/v1/assets/{symbol}/prices', {
        params: { path: { symbol: '^GSPC' }, query: { limit: 1000, ...(cursor && { cursor }) } },
      }),
    ),
  )) {
    closes.push(close ?? null);
  }
  t.is(closes.length, 5105);
  t.is(paths().filter((path) => path.endsWith('/prices')).length, 6);
});

test.serial('a grid has the single price at each node, and its totals', async (t) => {
  const { client } = recordingClient();
  const { price } = await data(client.api.POST('/api/v1/pricing/price', { body: option }));
  const answer = await client.grid({ option: { ...option, quantity: 2 }, spot_shifts: [-0.1, 0], outputs: ['delta'] });
  t.is(answer.columns.value[1], 2 * price);
  t.deepEqual(answer.totals.value, answer.columns.value);
});

test.serial('an expiry and a contract are priced as their years', async (t) => {
  const { client } = recordingClient();
  const market = { spot: 187, rate: 0.05, volatility: 0.24, valuation_date: '2024-05-01' };
  const priceOf = async (body: object): Promise<number> =>
    (await data(client.api.POST('/api/v1/pricing/price', { body: { ...market, ...body } }))).price;
  const dated = await priceOf({ expiry: '2024-06-21', strike: 190, option_type: 'call' });
  t.is(await priceOf({ contract: 'AAPL  240621C00190000' }), dated);
});

test.serial('an Arrow stream of apache-arrow is priced as the same row in JSON', async (t) => {
  const { client } = recordingClient();
  const { price } = await data(client.api.POST('/api/v1/pricing/price', { body: option }));
  const numbers = tableFromArrays({
    spot: Float64Array.of(100, 100),
    strike: Float64Array.of(105, -1),
    time_to_expiry: Float64Array.of(0.5, 0.5),
    rate: Float64Array.of(0.03, 0.03),
    volatility: Float64Array.of(0.2, 0.2),
  });
  const table = numbers.assign(new Table({ option_type: vectorFromArray(['call', 'call'], new Utf8()) }));
  const answer = tableFromIPC(await client.priceArrow(tableToIPC(table, 'stream')));
  t.is(answer.getChild('price')?.get(0), price);
  t.is(String(answer.getChild('price')?.type), 'Float64');
  t.is(answer.getChild('error_field')?.get(1), 'strike');
  await t.throwsAsync(client.priceArrow(tableToIPC(numbers, 'stream')), {
    instanceOf: ProblemError,
    message: /option_type/,
  });
});

test.serial('a refresh is waited for; one that takes longer is a timeout', async (t) => {
  const { client } = recordingClient();
  t.is((await client.refresh('tech5')).status, 'succeeded');
  await withFault('provider.fetch', { mode: 'delay', delay_ms: 6_000, count: 1 }, async () => {
    const error = await t.throwsAsync(client.refresh('tech5', { timeoutMs: 500 }), { instanceOf: RefreshTimeoutError });
    await t.throwsAsync(client.refresh('tech5'), { instanceOf: ProblemError, code: 'refresh_in_progress' });
    const params = { path: { id: error.refreshId } };
    let status = 'running';
    while (status === 'running') ({ status } = await data(client.api.GET('/api/v1/refreshes/{id}', { params })));
    t.is(status, 'succeeded');
  });
});

test.serial('a refresh that fails after its answer throws the error of its cause', async (t) => {
  const { client } = recordingClient({
    // The service answers at once, so the client reads the record until the refresh ended.
    fetch: (request) => {
      if (request.method === 'POST') request.headers.delete('prefer');
      return fetch(request);
    },
  });
  await withFault('refresh.store_prices', { mode: 'error', count: 1 }, async () => {
    const error = await t.throwsAsync(client.refresh('tech5'), { instanceOf: ProblemError });
    t.is(error.category, 'database');
    t.like(error.problem['refresh'], { status: 'rolled_back', reason: error.code });
  });
  t.is((await client.refresh('tech5')).status, 'succeeded');
});

test.serial('a refresh that takes longer than one request is waited for', async (t) => {
  const { client, paths } = recordingClient({
    fetch: (request) => {
      // The service then answers at once, and the client must ask again.
      request.headers.delete('prefer');
      return fetch(request);
    },
  });
  t.is((await client.refresh('sp500')).status, 'succeeded');
  t.true(paths().some((path) => /^GET .*refreshes\/[\da-f-]{36}$/.test(path)));
});

test.serial('a failed refresh throws the error of its cause with the record, and is not repeated', async (t) => {
  const { client, paths } = recordingClient();
  const error = await withFault('refresh.store_prices', { mode: 'error', count: 1 }, () =>
    t.throwsAsync(client.refresh('tech5'), { instanceOf: ProblemError, code: 'database_unavailable' }),
  );
  t.is((error.problem['refresh'] as { status: string }).status, 'rolled_back');
  t.is(paths().filter((path) => path === 'POST /api/v1/refreshes').length, 1);
});

test.serial('prices and index values are read as Arrow, page after page', async (t) => {
  const { client, paths } = recordingClient();
  const pages = await collect(client.pricesArrow('^GSPC', { from: '2000-01-01' }));
  const table = new Table(pages.flatMap((page) => tableFromIPC(page).batches));
  const { data: last } = await data(
    client.api.GET('/api/v1/assets/{symbol}/prices', {
      params: { path: { symbol: '^GSPC' }, query: { limit: 1, order: 'desc' } },
    }),
  );
  t.is(table.getChild('close')?.get(table.numRows - 1), last[0]?.close);
  t.true(pages.length > 1);
  t.is(paths().filter((path) => path.endsWith('/prices')).length, pages.length + 1);

  const values = await collect(client.indexValuesArrow('TECH5_EW', { from: '2010-01-01', to: '2010-03-01' }));
  t.is(tableFromIPC(values[0]).numRows, 3);
  await t.throwsAsync(client.pricesArrow('NOBODY').next(), { instanceOf: ProblemError, code: 'resource_not_found' });
});

test.serial('prices are uploaded as Arrow and as CSV, and refused rows are named', async (t) => {
  const { client, calls } = recordingClient();
  const name = 'typescript';
  await client.api.PUT('/api/v1/universes/{name}', {
    params: { path: { name }, header: { 'If-None-Match': '*' } },
    body: { title: 'Own prices', source: 'upload', interval: '1day', assets: [{ symbol: 'OWN' }] },
  });
  t.teardown(async () => {
    await client.api.DELETE('/api/v1/universes/{name}', { params: { path: { name }, header: { 'If-Match': '*' } } });
  });

  const own = tableFromArrays({ date: ['2024-01-02', '2024-01-03'], close: Float64Array.of(10, 11) });
  const symbols = vectorFromArray(['OWN', 'OWN'], new Utf8());
  const table = own.assign(new Table({ symbol: symbols }));
  const record = await client.uploadPrices(name, tableToIPC(table, 'stream'), { mode: 'replace' });
  t.like(record, { status: 'succeeded', prices: 2 });
  t.truthy(calls.findLast(({ request }) => request.method === 'POST')?.request.headers.get('idempotency-key'));

  const csv = 'symbol,date,close\nOWN,2024-01-04,12\n';
  t.is((await client.uploadPrices(name, csv, { adjusted: true })).status, 'succeeded');
  const [page] = await collect(client.pricesArrow('OWN'));
  t.deepEqual([...tableFromIPC(page).getChild('close')!], [10, 11, 12]);

  const refused = client.uploadPrices(name, 'symbol,date,close\nOWN,2024-01-05,none\n');
  const error = await t.throwsAsync(refused, { instanceOf: ProblemError, code: 'upload_refused' });
  t.like(error.errors[0], { pointer: '', line: 2, column: 'close' });
});
