import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { startOtlpReceiver, type OtlpReceiver } from '#test/service/otlp-receiver.ts';
import {
  call,
  checksum,
  metric,
  openMetrics,
  refresh,
  scrape,
  serve,
  takeToken,
  until,
  type Answer,
} from '#test/service/setup.ts';
import { setupDatabase, type TestDatabase } from '#test/support/database.ts';
import { startRedisServer, type RedisServer } from '#test/support/redis-server.ts';
import { throughRedisProxy } from '#test/support/redis.ts';
import type { Service } from '#test/support/service.ts';
import type { TcpProxy } from '#test/support/tcp-proxy.ts';

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

const redisHealth = async ({ context: { service } }: T): Promise<string> => {
  const { body } = await call(`${service.url}/health`);
  return String((body['dependencies'] as Record<string, { status: string }>)['redis']?.status);
};
const flips = (t: T, status: string): Promise<boolean> => until(async () => (await redisHealth(t)) === status, 5_000);
const recovers = (t: T): Promise<boolean> => until(async () => (await redisHealth(t)) === 'up', 10_000);

const values = ({ context: { service } }: T): Promise<Answer> =>
  call(`${service.url}/api/v1/indexes/TECH5_PW/values?limit=3`);

/** What a caller must see whatever Redis does: the right rows, in time, while the process lives and is ready. */
const serves = async (t: T, withinMs: number): Promise<void> => {
  const { service } = t.context;
  for (let request = 0; request < 5; request += 1) {
    const begun = performance.now();
    const { status, body } = await values(t);
    t.is(status, 200);
    t.is((body['data'] as { value: number }[])[0]?.value, 1_000);
    const took = performance.now() - begun;
    t.true(took < withinMs, `${took} ms`);
  }
  t.is((await call(`${service.url}/health/ready`)).status, 200);
};

const lost = (t: T): number =>
  t.context.service.log.filter(({ message }) => message?.startsWith('redis is lost')).length;

test.serial('down at boot: it serves and refreshes without, then takes Redis up by itself', async (t) => {
  const { service, proxy, token } = t.context;
  t.is(await redisHealth(t), 'down');
  t.is(lost(t), 1);
  await serves(t, 500);
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  proxy.restore();
  t.true(await recovers(t));
  await serves(t, 500);
  t.true((await t.context.redis.admin.keys('volwatch:cache:index_values:*')).length > 0);
});

test.serial('cut: served from memory or database; log, metric and health say so; back by itself', async (t) => {
  const { service, proxy, database } = t.context;
  const before = await checksum(database);
  const times = lost(t);
  proxy.cut();
  await serves(t, 500);
  t.true(await flips(t, 'down'));
  t.is(metric(await scrape(service), 'volwatch_dependency_up', { dependency: 'redis' }), 0);
  t.is(lost(t), times + 1);
  t.is(await checksum(database), before);
  proxy.restore();
  t.true(await recovers(t));
});

test.serial('black hole: at most 250 ms more, once; metric, span and log share its trace', async (t) => {
  const { service, proxy, collector } = t.context;
  proxy.blackhole();
  const begun = performance.now();
  const answer = await values(t);
  const took = performance.now() - begun;
  t.is(answer.status, 200);
  t.true(took < 450, `${took} ms`);
  const traceId = String(answer.headers.get('x-trace-id'));
  const exemplars = (await scrape(service, openMetrics))
    .split('\n')
    .filter((line) => line.startsWith('volwatch_dependency_request_duration_seconds') && line.includes('"timeout"'));
  t.true(
    exemplars.some((line) => line.includes(traceId)),
    exemplars.join('\n'),
  );
  t.true(await collector.received(traceId));
  t.truthy(service.log.find((line) => line['trace_id'] === traceId));
  await serves(t, 400);
  t.true(await flips(t, 'down'));
  proxy.restore();
  t.true(await recovers(t));
});

test.serial('latency: each command is bounded, the rows are right', async (t) => {
  const { proxy } = t.context;
  proxy.latency(60);
  await serves(t, 700);
  proxy.latency(2_000);
  await serves(t, 700);
  proxy.restore();
  t.true(await recovers(t));
});

test.serial('out of memory: nothing is kept, everything is served, a refresh is seen at once', async (t) => {
  const { service, redis, token } = t.context;
  await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.admin.config('SET', 'maxmemory', '1');
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  await serves(t, 500);
  t.true(await flips(t, 'degraded'));
  await redis.admin.config('SET', 'maxmemory', '0');
  t.true(await recovers(t));
  await serves(t, 500);
});

test.serial('flushed: the next answers are loaded again', async (t) => {
  const { redis } = t.context;
  await serves(t, 500);
  await redis.admin.flushall();
  await serves(t, 500);
  t.is(await redisHealth(t), 'up');
});

test.serial('a server that stands still, then goes on', async (t) => {
  const { redis } = t.context;
  redis.hang();
  try {
    await serves(t, 450);
    t.true(await flips(t, 'down'));
    await sleep(500);
    await serves(t, 450);
  } finally {
    redis.wake();
  }
  t.true(await recovers(t));
  await serves(t, 500);
});

test.serial('the database fails: what was last known, marked with its age', async (t) => {
  const { service, database } = t.context;
  await serves(t, 500);
  // What an outdated entry looks like: the tag has a newer generation.
  await t.context.redis.admin.set('volwatch:cache:generation:tech5', 'another');
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
