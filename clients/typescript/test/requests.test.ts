import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import test from 'ava';
import {
  ConnectionFailedError,
  createClient,
  data,
  ProblemError,
  UnexpectedAnswerError,
  VolwatchError,
} from '@volwatch/client';
import { credentials, option, recordingClient, url, withFault } from './service.ts';

const priceOnce = (client: ReturnType<typeof createClient>) =>
  data(client.api.POST('/api/v1/pricing/price', { body: option }));

test.serial('a client fetches one token for calls at the same time', async (t) => {
  const { client, paths } = recordingClient();
  const answers = await Promise.all(Array.from({ length: 5 }, () => data(client.api.GET('/api/v1/auth/me'))));
  t.true(answers.every(({ kind, subject }) => kind === 'client' && subject === credentials.clientId));
  t.is(paths().filter((path) => path === 'POST /api/v1/auth/token').length, 1);
});

test.serial('a token that ended early is renewed once', async (t) => {
  const { client, calls } = recordingClient();
  await client.api.GET('/api/v1/auth/me');
  await client.api.POST('/api/v1/auth/logout');
  t.is((await data(client.api.GET('/api/v1/auth/me'))).kind, 'client');
  t.deepEqual(
    calls.slice(-3).map(({ response }) => response.status),
    [401, 200, 200],
  );
});

test.serial('an API key and a token are accepted, and wrong credentials are typed errors', async (t) => {
  const { client } = recordingClient();
  const created = await data(client.api.POST('/api/v1/api-keys', { body: { name: 'tests', scopes: ['ml:read'] } }));
  const byKey = createClient({ url, credentials: { apiKey: created.key } });
  t.is((await data(byKey.api.GET('/api/v1/auth/me'))).kind, 'api_key');
  await t.throwsAsync(byKey.refresh('tech5'), { instanceOf: ProblemError, code: 'scope_insufficient' });
  await client.api.DELETE('/api/v1/api-keys/{id}', { params: { path: { id: created.id } } });
  await t.throwsAsync(byKey.api.GET('/api/v1/auth/me'), { instanceOf: ProblemError, code: 'api_key_invalid' });
  const token = async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'ml:read' });
    const headers = {
      authorization: `Basic ${btoa(`${credentials.clientId}:${encodeURIComponent(credentials.clientSecret)}`)}`,
    };
    const response = await fetch(`${url}/api/v1/auth/token`, { method: 'POST', headers, body });
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const byToken = createClient({ url, credentials: { token } });
  t.deepEqual((await data(byToken.api.GET('/api/v1/auth/me'))).scopes, ['ml:read']);
  const limited = createClient({ url, credentials: { ...credentials, scopes: ['ml:read'] } });
  t.deepEqual((await data(limited.api.GET('/api/v1/auth/me'))).scopes, ['ml:read']);
  const wrong = createClient({ url, credentials: { ...credentials, clientSecret: 'wrong' } });
  await t.throwsAsync(wrong.api.GET('/api/v1/auth/me'), {
    instanceOf: ProblemError,
    code: 'client_credentials_invalid',
  });
});

test.serial('a refused request is repeated after the time that the service names', async (t) => {
  const { client, calls } = recordingClient();
  await client.api.GET('/api/v1/auth/me');
  const began = performance.now();
  const answer = await withFault('pricing.engine', { mode: 'error', error_code: 'overloaded', count: 2 }, () =>
    priceOnce(client),
  );
  const attempts = calls.slice(2);
  t.deepEqual(
    attempts.map(({ response }) => response.status),
    [503, 503, 200],
  );
  const askedMs = attempts.reduce((sum, { response }) => sum + Number(response.headers.get('retry-after')) * 1000, 0);
  t.true(askedMs > 0);
  t.true(performance.now() - began >= askedMs, 'the client waits at least as long as Retry-After says');
  t.true(answer.price > 0);
});

test.serial('attempts end, and a longer wait than allowed throws at once', async (t) => {
  await withFault('pricing.engine', { mode: 'error', error_code: 'overloaded' }, async () => {
    for (const [retries, expected] of [
      [{ maxAttempts: 2 }, 2],
      [{ maxWaitMs: 0 }, 1],
    ] as const) {
      const { client, paths } = recordingClient({ retries });
      const error = await t.throwsAsync(priceOnce(client), { instanceOf: ProblemError, code: 'overloaded' });
      t.true(error.retryAfterMs! > 0);
      t.is(paths().filter((path) => path.endsWith('/price')).length, expected);
    }
  });
});

test.serial('an error that time does not cure is not repeated, and names the field', async (t) => {
  const { client, paths } = recordingClient();
  const call = client.api.POST('/api/v1/pricing/price', { body: { ...option, strike: -1 } });
  const error = await t.throwsAsync(call, { instanceOf: ProblemError, code: 'validation_failed' });
  t.is(error.errors[0]?.pointer, '/strike');
  t.is(error.category, 'validation');
  t.true(error instanceof VolwatchError);
  t.true(error.message.includes(error.requestId));
  t.is(paths().filter((path) => path.endsWith('/price')).length, 1);
});

/** Loses the first answer of each path that ends with `suffix`, after the service has acted. */
const losing = (suffix: string) => {
  let lost = 0;
  return recordingClient({
    fetch: async (request) => {
      const response = await fetch(request);
      if (!new URL(request.url).pathname.endsWith(suffix) || lost++ > 0) return response;
      await response.body?.cancel();
      throw new TypeError('fetch failed');
    },
  });
};

test.serial('a POST whose answer was lost is repeated only where it is safe', async (t) => {
  const pricing = losing('/price');
  t.true((await priceOnce(pricing.client)).price > 0);

  const refreshes = losing('/refreshes');
  t.is((await refreshes.client.refresh('tech5')).status, 'succeeded');
  t.is(refreshes.calls.at(-1)?.response.headers.get('idempotency-replayed'), 'true');

  const keys = losing('/api-keys');
  const call = keys.client.api.POST('/api/v1/api-keys', { body: { name: 'lost', scopes: [] } });
  await t.throwsAsync(call, { instanceOf: ConnectionFailedError, message: 'POST /api/v1/api-keys: fetch failed' });
  t.is(keys.paths().filter((path) => path.endsWith('/api-keys')).length, 0);
});

test.serial('no service, a timeout, and an answer that is not from the service', async (t) => {
  const retries = { maxAttempts: 2, firstWaitMs: 10 };
  const nobody = createClient({ url: 'http://127.0.0.1:4', retries });
  await t.throwsAsync(nobody.api.GET('/api/v1/assets'), { instanceOf: ConnectionFailedError });
  await withFault('pricing.engine', { mode: 'delay', delay_ms: 2000 }, async () => {
    const hurried = createClient({ url, retries: { maxAttempts: 1 }, timeoutMs: 100 });
    await t.throwsAsync(priceOnce(hurried), { instanceOf: ConnectionFailedError });
  });
  const proxy = createClient({ url, retries, fetch: async () => new Response('<html>', { status: 502 }) });
  const error = await t.throwsAsync(proxy.api.GET('/api/v1/assets'), { instanceOf: UnexpectedAnswerError });
  t.is(error.status, 502);
});

test.serial('a call that its caller aborts rejects with the reason', async (t) => {
  const { client, paths } = recordingClient();
  const controller = new AbortController();
  await withFault('pricing.engine', { mode: 'error', error_code: 'overloaded' }, async () => {
    const call = client.api.POST('/api/v1/pricing/price', { body: option, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('no longer needed')), 300);
    await t.throwsAsync(call, { message: 'no longer needed' });
  });
  t.is(paths().filter((path) => path.endsWith('/price')).length, 1);
});

test.serial('the trace of the caller goes on', async (t) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { client, calls } = recordingClient({ traceparent: () => traceparent });
  const call = client.api.GET('/api/v1/assets/{symbol}', { params: { path: { symbol: 'NOBODY' } } });
  const error = await t.throwsAsync(call, { instanceOf: ProblemError, code: 'resource_not_found' });
  t.is(error.traceId, '0af7651916cd43dd8448eb211c80319c');
  t.is(calls.at(-1)?.response.headers.get('x-trace-id'), error.traceId);
});

test.serial('secrets are in no text of the client', async (t) => {
  const { client } = recordingClient();
  await client.api.GET('/api/v1/auth/me');
  t.false(inspect(client, { depth: 10 }).includes(credentials.clientSecret));
});

for (const status of [302, 307]) {
  for (const secret of [{ apiKey: 'vwk_secret' }, { clientId: 'a', clientSecret: 'secret' }] as const) {
    test.serial(
      `a redirect ${status} is an error, and its target gets nothing (${Object.keys(secret)[0]})`,
      async (t) => {
        const serve = async (listener: RequestListener): Promise<string> => {
          const server = createServer(listener).listen(0, '127.0.0.1');
          await once(server, 'listening');
          t.teardown(() => server.close().closeAllConnections());
          return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        };
        let received = 0;
        const target = await serve((_, response) => {
          received += 1;
          response.setHeader('content-type', 'application/json').end('{"access_token":"t","expires_in":900}');
        });
        const redirecting = await serve((_, response) => response.writeHead(status, { location: `${target}/x` }).end());
        const client = createClient({ url: redirecting, credentials: secret });
        const error = await t.throwsAsync(priceOnce(client), { instanceOf: UnexpectedAnswerError });
        t.is(error.status, status);
        t.is(received, 0);
      },
    );
  }
}
