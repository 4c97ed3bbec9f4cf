import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import {
  call,
  checksum,
  dependencyStatus,
  metric,
  openMetrics,
  refresh,
  scrape,
  serve,
  takeToken,
  type Answer,
} from '#testkit/running-service.ts';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { startRedisServer, type RedisServer } from '#testkit/servers/redis-server.ts';
import { throughRedisProxy } from '#testkit/redis.ts';
import type { Service } from '#testkit/service.ts';
import type { TcpProxy } from '#testkit/servers/tcp-proxy.ts';

type Context = {
  readonly service: Service;
  readonly database: TestDatabase;
  readonly redis: RedisServer;
  readonly proxy: TcpProxy;
  readonly collector: OtlpReceiver;
  readonly token: string;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];

// Redis is down while the service starts.
test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const redis = await startRedisServer(suite);
  const { proxy, url } = await throughRedisProxy(suite, redis.url);
  const collector = await startOtlpReceiver(suite);
  proxy.cut();
  const service = await serve(suite, {
    DATABASE_URL: database.url,
    REDIS_URL: url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  await service.logged(({ message }) => message === 'started');
  t.context = { service, database, redis, proxy, collector, token: await takeToken(service) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

type T = ExecutionContext<Context>;

const healthBecomes = (t: T, status: string): Promise<void> =>
  eventually(
    async () => (await dependencyStatus(t.context.service, 'redis')) === status,
    `the health of redis is ${status}`,
  );
const recovers = (t: T): Promise<void> => healthBecomes(t, 'up');

const values = ({ context: { service } }: T): Promise<Answer> =>
  call(`${service.url}/api/v1/indexes/TECH5_PW/values?limit=3`);

/** Asserts what must hold for any failure of Redis: correct rows within the time, and a ready process. */
const serves = async (t: T, withinMs: number): Promise<void> => {
  const { service } = t.context;
  for (let request = 0; request < 5; request += 1) {
    const startedAt = performance.now();
    const { status, body } = await values(t);
    t.is(status, 200);
    t.is((body['data'] as { value: number }[])[0]?.value, 1_000);
    const durationMs = performance.now() - startedAt;
    t.true(durationMs < withinMs, `${durationMs} ms`);
  }
  t.is((await call(`${service.url}/health/ready`)).status, 200);
};

const lostConnections = (t: T): number =>
  t.context.service.log.filter(({ message }) => message?.startsWith('redis is lost')).length;

test.serial('Redis down at startup: the service serves and refreshes without it, and connects later', async (t) => {
  const { service, proxy, token } = t.context;
  t.is(await dependencyStatus(t.context.service, 'redis'), 'down');
  t.is(lostConnections(t), 1);
  await serves(t, 500);
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  proxy.restore();
  await recovers(t);
  await serves(t, 500);
  // The entries of the memory are valid, so this request asks for a new load, which is stored in Redis.
  await call(`${service.url}/api/v1/indexes/TECH5_PW/values`, { headers: { 'Cache-Control': 'no-cache' } });
  t.true((await t.context.redis.admin.keys('volwatch:cache:entries:{index_values-*}')).length > 0);
});

test.serial('connection cut: answers come from memory or database; log, metric and health show it', async (t) => {
  const { service, proxy, database } = t.context;
  const before = await checksum(database);
  const lostBefore = lostConnections(t);
  proxy.cut();
  await serves(t, 500);
  await healthBecomes(t, 'down');
  t.is(metric(await scrape(service), 'volwatch_dependency_up', { dependency: 'redis' }), 0);
  t.is(lostConnections(t), lostBefore + 1);
  t.is(await checksum(database), before);
  proxy.restore();
  await recovers(t);
});

test.serial(
  'no answers from Redis: one request waits up to 250 ms; metric, span and log share its trace',
  async (t) => {
    const { service, proxy, collector } = t.context;
    proxy.blackhole();
    const startedAt = performance.now();
    const answer = await values(t);
    const durationMs = performance.now() - startedAt;
    t.is(answer.status, 200);
    t.true(durationMs < 450, `${durationMs} ms`);
    const traceId = String(answer.headers.get('x-trace-id'));
    const exemplars = (await scrape(service, openMetrics))
      .split('\n')
      .filter((line) => line.startsWith('volwatch_dependency_request_duration_seconds') && line.includes('"timeout"'));
    t.true(
      exemplars.some((line) => line.includes(traceId)),
      exemplars.join('\n'),
    );
    await collector.received(traceId);
    t.truthy(service.log.find((line) => line['trace_id'] === traceId));
    await serves(t, 400);
    await healthBecomes(t, 'down');
    proxy.restore();
    await recovers(t);
  },
);

test.serial('high latency: each command has a timeout, and the rows are correct', async (t) => {
  const { proxy } = t.context;
  proxy.latency(60);
  await serves(t, 700);
  proxy.latency(2_000);
  await serves(t, 700);
  proxy.restore();
  await recovers(t);
});

test.serial('Redis out of memory: all requests are served, and new rows are visible immediately', async (t) => {
  const { service, redis, token } = t.context;
  await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.admin.config('SET', 'maxmemory', '1');
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  await serves(t, 500);
  await healthBecomes(t, 'degraded');
  await redis.admin.config('SET', 'maxmemory', '0');
  await recovers(t);
  await serves(t, 500);
});

test.serial('Redis flushed: the next answers are loaded again', async (t) => {
  const { redis } = t.context;
  await serves(t, 500);
  await redis.admin.flushall();
  await serves(t, 500);
  t.is(await dependencyStatus(t.context.service, 'redis'), 'up');
});

test.serial('Redis process stopped for a while: requests are served, and Redis is used again afterwards', async (t) => {
  const { redis } = t.context;
  redis.hang();
  try {
    await serves(t, 450);
    await healthBecomes(t, 'down');
    // The duration of the outage.
    await sleep(500);
    await serves(t, 450);
  } finally {
    redis.wake();
  }
  await recovers(t);
  await serves(t, 500);
});

test.serial('database failure: the last known value is returned with its age', async (t) => {
  const { service, database } = t.context;
  await serves(t, 500);
  // Another generation of the tag makes the entry outdated.
  await t.context.redis.admin.set('volwatch:cache:generation:{tech5}', 'another');
  await database.query('alter table index_value rename to index_value_away');
  const answer = await values(t);
  t.is(answer.status, 200);
  t.is((answer.body['data'] as { value: number }[])[0]?.value, 1_000);
  t.is(answer.headers.get('cache-status'), 'volwatch; hit; detail=last_known_good');
  t.is(answer.headers.get('warning'), '111 volwatch "Revalidation Failed"');
  t.regex(String(answer.headers.get('age')), /^\d+$/);
  t.true(metric(await scrape(service), 'volwatch_cache_requests_total', { outcome: 'stale' }) > 0);
  await database.query('alter table index_value_away rename to index_value');
  t.is((await values(t)).headers.get('cache-status'), 'volwatch; fwd=miss');
  t.is((await values(t)).headers.get('cache-status'), 'volwatch; hit');
  t.true(metric(await scrape(service), 'volwatch_cache_requests_total', { cache: 'index_values', outcome: 'hit' }) > 0);
});
