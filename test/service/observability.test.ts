import { connect } from 'node:net';
import anyTest, { type TestFn } from 'ava';
import { errorTable } from '#src/kernel/catalogue/errors.ts';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import {
  call,
  checksum,
  client,
  damage,
  json,
  metric,
  openMetrics,
  option,
  price,
  refresh,
  refreshRecordOf,
  scrape,
  serve,
  setFault,
  takeToken,
  tokenRequest,
} from '#testkit/running-service.ts';

type Context = {
  readonly service: Service;
  readonly database: TestDatabase;
  readonly collector: OtlpReceiver;
  readonly token: string;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const collector = await startOtlpReceiver(suite);
  const service = await serve(suite, {
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    LOG_LEVEL: 'debug',
  });
  await service.logged(({ message }) => message === 'started');
  t.context = { service, database, collector, token: await takeToken(service) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const points = [
  { point: 'refresh.ensure_assets', status: 'rolled_back', reason: 'database_unavailable', rollbacks: 1 },
  { point: 'refresh.store_prices', status: 'rolled_back', reason: 'database_unavailable', rollbacks: 1 },
  { point: 'refresh.calculate_index_values', status: 'rolled_back', reason: 'database_unavailable', rollbacks: 1 },
  { point: 'refresh.commit', status: 'rolled_back', reason: 'database_unavailable', rollbacks: 1 },
  { point: 'provider.fetch', status: 'failed', reason: 'external_api_unavailable', rollbacks: 0 },
] as const;

for (const { point, status, reason, rollbacks } of points) {
  test.serial(
    `a refresh that fails at ${point} leaves every row as it was, answers its error, and counts it`,
    async (t) => {
      const { service, database, collector, token } = t.context;
      await damage(database);
      const before = { rows: await checksum(database), metrics: await scrape(service) };
      await setFault(service, point, { mode: 'error', count: 1 });

      const answer = await refresh(service, token, 'tech5');
      const traceId = answer.headers.get('x-trace-id')!;
      const { status: httpStatus, category } = errorTable[reason];
      t.like(answer, { status: httpStatus, body: { status: httpStatus, code: reason, category } });
      t.is(answer.headers.get('content-type'), 'application/problem+json');
      t.is(answer.headers.get('preference-applied'), 'wait=20');
      const record = refreshRecordOf(answer);
      t.like(record, {
        universe: 'tech5',
        trigger: 'request',
        status,
        reason,
        assets: 0,
        prices: 0,
        index_values: 0,
        trace_id: traceId,
        error: { code: reason },
      });
      t.is(await checksum(database), before.rows);
      const stored = await database.query('select status, reason, trace_id from refresh where id = $1', [record['id']]);
      t.deepEqual(stored, [{ status, reason, trace_id: traceId }]);

      const after = await scrape(service);
      const moved = (name: string, labels: Record<string, string>): number =>
        metric(after, name, labels) - metric(before.metrics, name, labels);
      const apply = { operation: 'refresh.apply' };
      t.is(moved('volwatch_db_transactions_total', { ...apply, outcome: 'rolled_back', reason }), rollbacks);
      t.is(moved('volwatch_db_transactions_total', { ...apply, outcome: 'rolled_back' }), rollbacks);
      t.is(moved('volwatch_db_transactions_total', { ...apply, outcome: 'committed' }), 0);
      t.is(moved('volwatch_faults_injected_total', { point, mode: 'error' }), 1);
      t.is(moved('volwatch_refresh_duration_seconds_count', { universe: 'tech5', outcome: status }), 1);
      t.is(moved('volwatch_refresh_rows_total', {}), 0);
      const errors = { category, code: reason };
      t.is(moved('volwatch_errors_total', { ...errors, http_route: '' }), 1);
      t.is(moved('volwatch_errors_total', { ...errors, http_route: '/api/v1/refreshes' }), 1);

      const failed = await service.logged((line) => line.message === 'refresh failed' && line['trace_id'] === traceId);
      t.is(failed['code'], reason);
      const request = await service.logged((line) => line.message === 'request' && line['trace_id'] === traceId);
      t.is(request['request_id'], answer.headers.get('x-request-id'));
      await collector.received(traceId);
    },
  );
}

test.serial('a refresh that succeeds is committed once, and an exemplar leads to its exported trace', async (t) => {
  const { service, database, collector, token } = t.context;
  await damage(database);
  const before = { rows: await checksum(database), metrics: await scrape(service) };
  const answer = await refresh(service, token, 'tech5');
  t.like(answer.body, { status: 'succeeded', reason: null, error: null, prices: 560 });
  t.not(await checksum(database), before.rows);
  const after = await scrape(service);
  const committed = { operation: 'refresh.apply', outcome: 'committed' };
  t.is(
    metric(after, 'volwatch_db_transactions_total', committed) -
      metric(before.metrics, 'volwatch_db_transactions_total', committed),
    1,
  );

  const traceId = answer.headers.get('x-trace-id')!;
  const exposition = await scrape(service, openMetrics);
  t.true(exposition.endsWith('# EOF\n'));
  const exemplars = exposition
    .split('\n')
    .filter((line) => line.startsWith('volwatch_refresh_duration_seconds_bucket') && line.includes('# {'));
  t.true(
    exemplars.some((line) => line.includes(`trace_id="${traceId}"`)),
    exemplars.join('\n'),
  );
  await collector.received(traceId);
  t.false((await scrape(service)).includes('# {'), 'no exemplars in the text format');
});

test.serial('the database agrees with the counters about commits and rollbacks of refreshes', async (t) => {
  const { service, database } = t.context;
  const rows = await database.query('select status, count(*)::int as n from refresh group by status');
  const recorded = Object.fromEntries(rows.map((row) => [row['status'], row['n']]));
  const text = await scrape(service);
  const apply = { operation: 'refresh.apply' };
  t.is(metric(text, 'volwatch_db_transactions_total', { ...apply, outcome: 'committed' }), recorded['succeeded']);
  t.is(metric(text, 'volwatch_db_transactions_total', { ...apply, outcome: 'rolled_back' }), recorded['rolled_back']);
});

test.serial('every answer carries its ids and its timing, whoever refuses', async (t) => {
  const { service, token } = t.context;
  const api = `${service.url}/api/v1`;
  const text = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x' };
  const cases: readonly [path: string, init: RequestInit, status: number, code: string | undefined][] = [
    ['/pricing/price', json(option), 200, undefined],
    ['/nowhere', {}, 404, 'route_not_found'],
    ['/assets/NONE', {}, 404, 'resource_not_found'],
    ['/pricing/price', {}, 405, 'method_not_allowed'],
    ['/assets', { headers: { Accept: 'image/png' } }, 406, 'not_acceptable'],
    ['/pricing/price', { ...json({}), body: '{"a":' }, 400, 'malformed_body'],
    ['/pricing/price', { ...json({}), body: `"${'x'.repeat(70_000)}"` }, 413, 'payload_too_large'],
    ['/pricing/price', text, 415, 'unsupported_media_type'],
    ['/pricing/price', json({ ...option, extra: 1 }), 422, 'validation_failed'],
    ['/refreshes', {}, 401, 'credentials_missing'],
    ['/auth/me', { headers: { Authorization: `Bearer ${token}` } }, 200, undefined],
    ['/auth/token', tokenRequest('wrong'), 401, 'client_credentials_invalid'],
  ];
  for (const [path, init, status, code] of cases) {
    const answer = await call(`${api}${path}`, init);
    t.is(answer.status, status, path);
    t.is(answer.body['code'], code, path);
    t.regex(answer.headers.get('x-request-id') ?? '', uuid, path);
    t.regex(answer.headers.get('x-trace-id') ?? '', /^[0-9a-f]{32}$/, path);
    t.regex(answer.headers.get('server-timing') ?? '', /^total;dur=\d/, path);
    if (code) t.is(answer.body['trace_id'], answer.headers.get('x-trace-id'), path);
  }
  const verified = async (): Promise<number> => {
    const lines = await scrape(service);
    const sumOf = (operation: string): number => metric(lines, 'volwatch_auth_duration_seconds_sum', { operation });
    return (sumOf('verify_token') + sumOf('check_owner')) * 1000;
  };
  const before = await verified();
  const me = await call(`${api}/auth/me`, { headers: { Authorization: `Bearer ${token}`, 'X-Request-ID': 'mine-1' } });
  t.is(me.headers.get('x-request-id'), 'mine-1');
  const shown = Number(/auth;dur=([\d.]+)/.exec(me.headers.get('server-timing') ?? '')?.[1]);
  t.true(Math.abs(shown - ((await verified()) - before)) < 0.011, 'the verification counts once');

  const raw = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
  t.regex(raw, /^HTTP\/1\.1 400 /);
  for (const name of ['X-Request-ID', 'X-Trace-ID', 'Server-Timing']) t.regex(raw, new RegExp(`\r\n${name}: \\S+`));
  t.regex(raw, /"code":"malformed_request"/);
});

test.serial("the token endpoint's refusals are OAuth's, and no cache may keep them", async (t) => {
  const { service } = t.context;
  const endpoint = `${service.url}/api/v1/auth/token`;
  const form = (fields: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(fields) });
  const cases: readonly [RequestInit, number, string][] = [
    [tokenRequest('wrong'), 401, 'invalid_client'],
    [form({ grant_type: 'magic' }), 400, 'unsupported_grant_type'],
    [form({ unknown: '1' }), 400, 'invalid_request'],
    [json({ grant_type: 'client_credentials' }), 415, 'invalid_request'],
  ];
  for (const [init, status, error] of cases) {
    const answer = await call(endpoint, init);
    t.is(answer.status, status, answer.text);
    t.is(answer.body['error'], error);
    t.is(answer.headers.get('cache-control'), 'no-store');
    t.regex(answer.headers.get('content-type') ?? '', /^application\/json/);
  }
});

test.serial('no secret and no price leaves through logs, spans, metrics or errors', async (t) => {
  const { service, database, collector, token } = t.context;
  const api = `${service.url}/api/v1`;
  const canaries = {
    token,
    clientSecret: client.secret,
    wrongSecret: 'canary-wrong-secret-77aa',
    password: 'canary-password-1c9e',
    queryToken: 'canary-query-token-42',
    databasePassword: new URL(database.url).password,
    requestedPrice: '98765.43211234',
    storedPrice: '1455.219971',
    statementLiteral: 'canary-literal-9b2d',
  };
  const answers: string[] = [];
  const keep = async (url: string, init: RequestInit = {}): Promise<number> => {
    const answer = await call(url, init);
    answers.push(answer.text, JSON.stringify([...answer.headers]));
    return answer.status;
  };
  const basic = Buffer.from(`${client.id}:${canaries.wrongSecret}`).toString('base64');
  const { method, body } = tokenRequest('x');
  t.is(await keep(`${api}/auth/token`, { ...tokenRequest(canaries.wrongSecret) }), 401);
  t.is(
    await keep(`${api}/auth/token`, { method: method!, body: body!, headers: { Authorization: `Basic ${basic}` } }),
    400,
  );
  t.is(await keep(`${api}/pricing/price`, json({ ...option, password: canaries.password })), 422);
  t.is(await keep(`${api}/assets?access_token=${canaries.queryToken}`), 422);
  t.is(await keep(`${api}/auth/me`, { headers: { Authorization: `Bearer ${token}x` } }), 401);
  t.is(
    await keep(`${api}/auth/me`, {
      headers: { Authorization: `Bearer ${token}`, Cookie: 'password=canary-password-1c9e' },
    }),
    200,
  );
  t.is((await call(`${api}/pricing/price`, json({ ...option, spot: Number(canaries.requestedPrice) }))).status, 200);
  t.is((await call(`${api}/assets/^GSPC/prices?limit=10`)).status, 200);
  // A statement whose fault quotes what it chokes on; the answer outside production may quote it, telemetry may not.
  await database.query('alter table asset rename to asset_kept');
  await database.query(
    `create view asset as select *, ('${canaries.statementLiteral}' || symbol)::int as broken from asset_kept
     where ('${canaries.statementLiteral}' || symbol)::int = 1`,
  );
  t.is((await call(`${api}/assets`)).status, 500);
  await database.query('drop view asset');
  await database.query('alter table asset_kept rename to asset');

  const last = await price(service);
  await collector.received(last.headers.get('x-trace-id')!);
  const places = {
    log: JSON.stringify(service.log),
    stderr: service.stderr(),
    spans: collector.bytes().toString('latin1'),
    metrics: (await scrape(service)) + (await scrape(service, openMetrics)),
    answers: answers.join('\n'),
  };
  t.true(places.spans.includes('/api/v1/auth/token') && places.log.includes('internal_error'));
  for (const [place, text] of Object.entries(places)) {
    for (const [name, canary] of Object.entries(canaries)) t.false(text.includes(canary), `${name} in ${place}`);
  }
  const doubles = Buffer.alloc(8);
  doubles.writeDoubleLE(Number(canaries.requestedPrice));
  t.false(collector.bytes().includes(doubles), 'the requested price is in no span as a number');
});
