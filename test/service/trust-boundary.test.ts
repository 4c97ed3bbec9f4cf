import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, refreshedAtStart, serve, takeToken } from '#testkit/running-service.ts';
import { apiKey, startTwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';

const traceId = 'c0ffee'.padEnd(32, '0');

/** What a caller can send, each with a word that must not arrive anywhere else. */
const fromCaller = {
  traceparent: `00-${traceId}-${'b'.repeat(16)}-01`,
  tracestate: 'caller=canary-tracestate',
  baggage: 'user.id=canary-baggage,plan=canary-plan',
  b3: `${traceId}-${'b'.repeat(16)}-1`,
  'uber-trace-id': `${traceId}:${'b'.repeat(16)}:0:1`,
  'user-agent': 'canary-agent',
  'x-request-id': 'canary-request-id',
  'x-forwarded-for': '203.0.113.77',
  'accept-language': 'canary-language',
  referer: 'https://canary-referer.example/',
  cookie: 'session=canary-cookie',
  'x-custom': 'canary-custom',
};
const canaries = /canary-(?:tracestate|baggage|plan|agent|request|language|referer|cookie|custom)|203\.0\.113\.77/;

const namesOf = (rawHeaders: readonly string[]): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());

test('nothing of a caller reaches the market data vendor, and a webhook receiver gets traceparent only', async (t) => {
  const database = await setupDatabase(t);
  const vendor = await startTwelveDataServer(t);
  const receiver = await startReceiver(t);
  const service = await serve(
    t,
    {
      DATABASE_URL: database.url,
      MARKET_DATA_PROVIDER: 'twelve_data',
      TWELVE_DATA_API_KEY: apiKey,
      TWELVE_DATA_BASE_URL: vendor.url,
      TWELVE_DATA_CREDITS_PER_MINUTE: '1000',
      OTEL_TRACES_SAMPLER: 'always_on',
      JOBS_POLL_MS: '500',
    },
    { startTimeoutMs: 90_000 },
  );
  await refreshedAtStart(service);
  const headers = { ...fromCaller, authorization: `Bearer ${await takeToken(service)}` };
  const url = `${receiver.url}/hook`;
  const made = await call(
    `${service.url}/api/v1/webhooks`,
    json({ url, events: ['refresh.succeeded', 'refresh.rolled_back'] }, headers),
  );
  t.is(made.status, 201, made.text);
  const askedBefore = vendor.requests.length;
  const refreshed = await call(
    `${service.url}/api/v1/refreshes`,
    json({ universe: 'tech5' }, { ...headers, prefer: 'wait=30' }),
  );
  t.is(refreshed.body['status'], 'succeeded', refreshed.text);
  t.is(refreshed.body['trace_id'], traceId, 'the trace of the caller is used inside the service');

  const asked = vendor.requests.slice(askedBefore);
  t.true(asked.length > 0);
  for (const { rawHeaders, query } of asked) {
    t.deepEqual(namesOf(rawHeaders).toSorted(), ['accept', 'authorization', 'connection', 'host']);
    t.notRegex(`${rawHeaders.join('\n')}\n${query.toString()}`, canaries);
    t.false(rawHeaders.join('\n').includes(traceId));
  }

  // The start refreshes the other universe, which no caller has asked for.
  const deliveries = () => receiver.received.filter(({ body }) => !body.includes('sp500'));
  await eventually(() => deliveries().length > 0, 'the webhook is delivered', 30_000);
  const id = String(made.body['id']);
  await call(`${service.url}/api/v1/webhooks/${id}/test`, { method: 'POST', headers });
  await eventually(() => deliveries().length > 1, 'the test event is delivered', 30_000);
  for (const { headers: received, body, path } of deliveries()) {
    t.deepEqual(Object.keys(received).toSorted(), [
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
      'user-agent',
      'webhook-id',
      'webhook-signature',
      'webhook-timestamp',
    ]);
    t.notRegex(JSON.stringify(received) + body + path, canaries);
    t.regex(received['traceparent']!, new RegExp(`^00-${traceId}-(?!b{16})[0-9a-f]{16}-01$`));
  }

  // What waits in the job table is sent later, so it must not hold more either.
  const [stored] = await database.query(`select string_agg(data::text, ' ') as data from pgboss.job`);
  t.notRegex(String(stored?.['data']), canaries);
});
