import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { duration, noFallback, setup, tech5 } from './setup.ts';

test('a request that is refused for its symbols is not tried again, and opens no circuit for others', async (t) => {
  const { server, fetch, refused, metrics } = await setup(t, { retries: 2, timeoutMs: 30_000 });
  for (const text of [undefined, '<html>Request-URI Too Long</html>', '{"message":"too long"}']) {
    for (const status of [400, 404, 414, 431]) {
      server.fault = { kind: 'status', status, ...(text !== undefined && { text }) };
      const before = server.requests.length;
      t.is((await refused(tech5)).code, 'external_api_bad_response');
      t.is(server.requests.length, before + 1, `${status} ${text}: no further attempt`);
    }
  }
  t.is(metrics.value(duration, { dependency: 'twelve_data', outcome: 'error' }), 0);
  server.fault = undefined;
  await t.notThrowsAsync(fetch(tech5));
});

test('a page of a proxy that refuses all requests is a failure, and opens the circuit', async (t) => {
  const { server, refused } = await setup(t);
  server.fault = { kind: 'status', status: 403, text: '<html>Forbidden</html>' };
  for (let round = 0; round < 3; round += 1) t.is((await refused(tech5)).code, 'external_api_bad_response');
  t.is((await refused(tech5)).code, 'external_api_unavailable');
});

test('a text with a status of no data is a refusal, and does not count as a symbol without new days', async (t) => {
  const { server, provider } = await setup(t);
  const one = { ...tech5, assets: [tech5.assets[0]!] };
  server.fault = { kind: 'status', status: 404, text: '<html>Not found</html>' };
  const options = { ...noFallback, since: new Map([[one.assets[0]!.symbol, '2001-11-01']]) };
  const fetch = provider.fetch(one, new AbortController().signal, options);
  await t.throwsAsync(fetch, { instanceOf: AppError, code: 'external_api_bad_response' });
});
