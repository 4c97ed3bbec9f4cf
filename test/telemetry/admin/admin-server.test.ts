import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { request } from 'undici';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createAdminServer, type AdminServerDeps } from '#src/telemetry/admin/admin-server.ts';
import { floodBody, openSocket } from '#testkit/raw-sockets.ts';
import { eventually } from '#testkit/eventually.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { createCollectAll } from '#src/telemetry/metrics/collect-all.ts';
import { createMetrics } from '#src/telemetry/metrics/metrics.ts';

const setup = async (t: ExecutionContext, overrides: Partial<AdminServerDeps> = {}) => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: '1', commit: 'abc' } });
  const faults = createFaults({ enabled: true, metrics: noMetrics, logger: silentLogger });
  const server = createAdminServer({
    registry,
    faults,
    host: '127.0.0.1',
    port: 0,
    logger: silentLogger,
    ...overrides,
  });
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const call = async (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD',
    path: string,
    body?: unknown,
    accept?: string,
  ) => {
    const response = await request(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(accept !== undefined && { headers: { accept } }),
    });
    const text = await response.body.text();
    const type = String(response.headers['content-type']);
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      type,
      json: type.includes('json') ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  };
  return { call, faults, metrics, port };
};

const openMetrics = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2';

test('/metrics answers either format, in turn and several times', async (t) => {
  const { call } = await setup(t);
  for (let round = 0; round < 3; round += 1) {
    const open = await call('GET', '/metrics', undefined, openMetrics);
    t.is(open.type, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    t.true(open.text.endsWith('# EOF\n'));
    const text = await call('GET', '/metrics');
    t.is(text.status, 200);
    t.is(text.type, 'text/plain; version=0.0.4; charset=utf-8');
    t.true(text.text.includes('# TYPE volwatch_errors_total counter'));
  }
  const head = await call('HEAD', '/metrics');
  t.is(head.status, 200);
  t.is(head.text, '');
});

test('collectors run before a scrape, also after one of them throws', async (t) => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: '1', commit: 'abc' } });
  const { call } = await setup(t, {
    registry,
    collect: createCollectAll({
      first: [],
      collectors: [
        () => {
          throw new Error('no pool');
        },
        () => metrics.set('db_client_connection_max', { pool: 'primary' }, 7),
      ],
      metrics,
      logger: silentLogger,
    }),
  });
  const { status, text } = await call('GET', '/metrics');
  t.is(status, 200);
  t.true(text.includes('db_client_connection_max{pool="primary"} 7'));
});

test.serial('scrapes at the same time share one text', async (t) => {
  let collected = 0;
  const collect = async (): Promise<void> => {
    collected += 1;
    // The duration of a collection, so that the scrapes overlap.
    await sleep(300);
  };
  const { call, port } = await setup(t, { collect });
  const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  await eventually(() => sockets.every(({ readyState }) => readyState === 'open'), '20 connections are open');
  let text = '';
  for (const socket of sockets) {
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  }
  await eventually(() => text.split('HTTP/1.1 200 ').length > 20, '20 scrapes are answered');
  t.is(collected, 1);
  await call('GET', '/metrics');
  t.is(collected, 2, 'a later scrape has figures of its own');
});

test('a scraper that does not read its answer is cut off, and others are answered', async (t) => {
  const registry = new Registry();
  const metrics = createMetrics({ registry, enabled: true, build: { version: '1', commit: 'abc' } });
  for (let index = 0; index < 30_000; index += 1) {
    metrics.set('db_client_connection_max', { pool: `${'p'.repeat(300)}_${index}` }, index);
  }
  const warnings: string[] = [];
  const { call, port } = await setup(t, {
    registry,
    answerGraceMs: 4_000,
    logger: { ...silentLogger, warn: (_, message) => void warnings.push(message) },
  });
  const socket = connect(port, '127.0.0.1', () =>
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(15)),
  );
  socket.pause();
  socket.on('error', () => {});
  await eventually(() => warnings.length > 0, 'the scraper is cut');
  t.deepEqual(warnings, ['a client of the admin port does not read its answers and is cut off']);
  t.is((await call('GET', '/metrics')).status, 200);
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
});

test('a fault is set, read, listed and cleared', async (t) => {
  const { call, faults } = await setup(t);
  const put = await call('PUT', '/faults/provider.fetch', {
    mode: 'error',
    error_code: 'external_api_timeout',
    count: 3,
  });
  t.is(put.status, 200);
  const expected = {
    point: 'provider.fetch',
    mode: 'error',
    probability: 1,
    delay_ms: 0,
    count: 3,
    error_code: 'external_api_timeout',
  };
  t.deepEqual(put.json, expected);
  t.true(faults.armed('provider.fetch'));
  t.deepEqual((await call('GET', '/faults/provider.fetch')).json, expected);
  t.deepEqual((await call('GET', '/faults')).json['data'], [expected]);
  t.is((await call('DELETE', '/faults/provider.fetch')).status, 204);
  t.false(faults.armed('provider.fetch'));
  t.is((await call('GET', '/faults/provider.fetch')).json['code'], 'resource_not_found');
  await call('PUT', '/faults/cache.get', { mode: 'hang' });
  await call('PUT', '/faults/auth.verify', { mode: 'delay', delay_ms: 5, probability: 0.5 });
  t.is((await call('DELETE', '/faults')).status, 204);
  t.deepEqual((await call('GET', '/faults')).json['data'], []);
});

const refused: readonly (readonly [body: unknown, status: number, code: string, pointer?: string])[] = [
  [{}, 422, 'validation_failed', '/mode'],
  [{ mode: 'explode' }, 422, 'validation_failed', '/mode'],
  [{ mode: 'error', probability: 2 }, 422, 'validation_failed', '/probability'],
  [{ mode: 'delay', delay_ms: -1 }, 422, 'validation_failed', '/delay_ms'],
  [{ mode: 'error', count: 0 }, 422, 'validation_failed', '/count'],
  [{ mode: 'error', error_code: 'nope' }, 422, 'validation_failed', '/error_code'],
  [{ mode: 'hang', error_code: 'overloaded' }, 422, 'validation_failed', '/error_code'],
  [{ mode: 'error', 'a/b': 1 }, 422, 'validation_failed', '/a~1b'],
  [[], 422, 'validation_failed', ''],
  ['{"mode":', 400, 'malformed_body'],
  [`"${'x'.repeat(20_000)}"`, 413, 'payload_too_large'],
];
for (const [body, status, code, pointer] of refused) {
  test(`a fault like ${JSON.stringify(body).slice(0, 60)} is refused with ${code}`, async (t) => {
    const { call, faults } = await setup(t);
    const answer = await call('PUT', '/faults/cache.get', body);
    t.is(answer.status, status);
    t.is(answer.type, 'application/problem+json');
    t.like(answer.json, {
      code,
      status,
      category: 'validation',
      type: `/problems/${code}`,
      instance: '/faults/cache.get',
    });
    t.is(answer.json['request_id'], answer.headers['x-request-id']);
    if (pointer !== undefined) t.like(answer.json, { errors: [{ pointer }] });
    t.false(faults.armed('cache.get'));
  });
}

test('unknown points, paths and methods are problem documents', async (t) => {
  const { call } = await setup(t);
  t.is((await call('PUT', '/faults/nowhere', { mode: 'error' })).json['code'], 'resource_not_found');
  t.like((await call('GET', '/nothing')).json, { status: 404, code: 'route_not_found' });
  t.like((await call('GET', '/faults/%E0%A4%A')).json, { status: 404 });
  const post = await call('POST', '/metrics');
  t.is(post.status, 405);
  t.is(post.headers['allow'], 'GET, HEAD');
  t.is((await call('POST', '/faults/cache.get')).headers['allow'], 'DELETE, GET, HEAD, PUT');
});

test('without faults the fault routes do not exist', async (t) => {
  const registry = new Registry();
  const server = createAdminServer({ registry, host: '127.0.0.1', port: 0, logger: silentLogger });
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const { statusCode, body } = await request(`http://127.0.0.1:${port}/faults/cache.get`, {
    method: 'PUT',
    body: '{}',
  });
  t.is(statusCode, 404);
  t.like(await body.json(), { code: 'route_not_found' });
});

test('extra routes are served; an unexpected error in them is not shown', async (t) => {
  const { call } = await setup(t, {
    extraRoutes: [
      {
        method: 'GET',
        path: '/rate-limits/top',
        handle: ({ query }) => ({ status: 200, body: { n: query.get('n') } }),
      },
      {
        method: 'GET',
        path: '/broken',
        handle: () => {
          throw new Error('hunter2');
        },
      },
    ],
  });
  t.deepEqual((await call('GET', '/rate-limits/top?n=5')).json, { n: '5' });
  const broken = await call('GET', '/broken');
  t.is(broken.status, 500);
  t.is(broken.json['code'], 'internal_error');
  t.notRegex(broken.text, /hunter2/);
});

test('an address in use is an error; closing cuts idle connections', async (t) => {
  const { port } = await setup(t);
  const second = createAdminServer({ registry: new Registry(), host: '127.0.0.1', port, logger: silentLogger });
  await t.throwsAsync(second.listen(), { code: 'EADDRINUSE' });
  const third = createAdminServer({ registry: new Registry(), host: '127.0.0.1', port: 0, logger: silentLogger });
  const idle = connect((await third.listen()).port, '127.0.0.1');
  await new Promise((resolve) => idle.once('connect', resolve));
  const closed = new Promise((resolve) => idle.once('close', resolve));
  await third.close();
  await closed;
  t.pass();
});

test('an unread body closes its connection and is not read to its end', async (t) => {
  const { port } = await setup(t);
  for (const path of ['/metrics', '/nowhere']) {
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000000\r\n\r\n`;
    const sent = await floodBody(await openSocket(t, { port }, head), 100_000_000);
    t.true(sent < 30_000_000, `${path}: ${sent} bytes were taken`);
  }
});
