import { randomBytes } from 'node:crypto';
import anyTest, { type TestFn } from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { call, metric, scrape, serve } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { startRedisServer, type RedisServer } from '#testkit/servers/redis-server.ts';
import type { Service } from '#testkit/service.ts';

const perMinute = 40;
const clients = 50;
const requestsEach = 3;
const decisions = 'volwatch_rate_limit_decisions_total';

type Context = { redis: RedisServer; services: readonly Service[] };
const test = anyTest as TestFn<Context>;

const teardowns: (() => unknown)[] = [];
test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const [redis, database] = await Promise.all([startRedisServer(suite), setupDatabase(suite)]);
  const environment = {
    RATE_LIMIT_ENABLED: 'true',
    RATE_LIMIT_IP_PER_MINUTE: String(perMinute),
    // The tests send hundreds of refused requests one after the other.
    RATE_LIMIT_REFUSAL_DELAY_MS: '0',
    TRUSTED_PROXIES: '127.0.0.1',
    REDIS_URL: redis.url,
    DATABASE_URL: database.url,
  };
  const services = await Promise.all([1, 2, 3].map(async () => serve(suite, environment)));
  await Promise.all(services.map(async (service) => service.ready()));
  t.context = { redis, services };
});

test.after.always(async () => {
  for (const end of teardowns) await end();
});

const someAddress = (): string => `203.${[...randomBytes(3)].join('.')}`;
const ask = async (service: Service, address: string) =>
  call(`${service.url}/api/v1/pricing/models`, { headers: { 'X-Forwarded-For': address } });

test.serial('with three processes and 50 clients exactly the quota passes, in ten of ten runs', async (t) => {
  const { services } = t.context;
  for (let run = 0; run < 10; run += 1) {
    const address = someAddress();
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        for (let request = 0; request < requestsEach; request += 1) {
          statuses.push((await ask(services[(client + request) % 3]!, address)).status);
        }
      }),
    );
    t.is(statuses.filter((status) => status === 200).length, perMinute, `run ${run}`);
    t.is(statuses.filter((status) => status === 429).length, clients * requestsEach - perMinute, `run ${run}`);
  }
  const counted = await Promise.all(services.map(async (service) => scrape(service)));
  const sum = (labels: Readonly<Record<string, string>>): number =>
    counted.reduce((total, text) => total + metric(text, decisions, { backend: 'redis', subject: 'ip', ...labels }), 0);
  t.is(sum({ outcome: 'allowed' }), perMinute * 10);
  t.is(sum({ outcome: 'limited' }), (clients * requestsEach - perMinute) * 10);
});

test.serial('a refusal is a problem document; the operator sees addresses, the metrics do not', async (t) => {
  const [service] = t.context.services as [Service];
  const address = someAddress();
  let answer = await ask(service, address);
  t.is(answer.headers.get('ratelimit-policy'), `"ip";q=${perMinute};w=60`);
  t.is(answer.headers.get('ratelimit'), `"ip";r=${perMinute - 1};t=60`);
  // The most refused of all: twice as often as anybody in the test before.
  for (let used = 1; used < perMinute + 2 * clients * requestsEach; used += 1) answer = await ask(service, address);
  t.is(answer.status, 429);
  t.like(answer.body, { code: 'rate_limit_exceeded', category: 'rate_limit', status: 429 });
  t.regex(answer.headers.get('retry-after') ?? '', /^[1-9]\d?$/);
  t.regex(answer.headers.get('ratelimit') ?? '', /^"ip";r=0;t=\d+$/);
  t.false(answer.text.includes(address));

  const top = await call(`${service.adminUrl}/rate-limits/top`);
  const [first] = top.body['data'] as Record<string, unknown>[];
  t.like(first, { rank: 1, policy: 'ip', subject_kind: 'ip', subject: address });
  const exposition = await scrape(service);
  const labels = { rank: '1', subject_hash: String(first!['subject_hash']) };
  t.is(metric(exposition, 'volwatch_rate_limit_top_limited', labels), Number(first!['limited']));
  t.true(exposition.split('\n').filter((line) => line.startsWith('volwatch_rate_limit_top_limited{')).length <= 10);
  t.false(exposition.includes(address));
  t.false(service.log.some((line) => JSON.stringify(line).includes(address)));
});

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
};

for (const [how, breakIt, mend] of [
  ['hangs', async (redis) => redis.hang(), async (redis) => redis.wake()],
  ['stops', async (redis) => redis.stop(), async (redis) => redis.start()],
] satisfies [string, (redis: RedisServer) => Promise<void>, (redis: RedisServer) => Promise<void>][]) {
  test.serial(`when redis ${how}, the process takes over within 250 ms, and gives back by itself`, async (t) => {
    const { redis, services } = t.context;
    const [service] = services as [Service];
    const address = someAddress();
    const isBack = async (): Promise<boolean> => {
      const inRedis = async () => metric(await scrape(service), decisions, { backend: 'redis', outcome: 'allowed' });
      const counted = await inRedis();
      await ask(service, someAddress());
      return (await inRedis()) > counted;
    };
    /** Milliseconds that the first request takes beyond the slowest of a few before it. */
    const breakAndMeasure = async (): Promise<number> => {
      let ordinary = 0;
      for (let asked = 0; asked < 10; asked += 1) {
        ordinary = Math.max(ordinary, await timed(async () => ask(service, someAddress())));
      }
      await breakIt(redis);
      return (await timed(async () => t.is((await ask(service, address)).status, 200))) - ordinary;
    };
    const inMemory = async () => metric(await scrape(service), decisions, { backend: 'memory', outcome: 'allowed' });
    const before = await inMemory();
    let added = await breakAndMeasure();
    // A busy machine may stop for as long by itself, but not time after time.
    for (let again = 0; added > 250 && again < 2; again += 1) {
      await mend(redis);
      await eventually(isBack, 'requests are counted in Redis again');
      added = await breakAndMeasure();
    }
    t.true(added <= 250, `the first request took ${added.toFixed(0)} ms more`);
    const later: number[] = [];
    for (let asked = 0; asked < 3; asked += 1) later.push(await timed(async () => ask(service, address)));
    t.true(Math.min(...later) < 150, `later ones took ${later.join(', ')} ms`);
    t.true((await inMemory()) >= before + 2);
    type Reading = { readonly status: string; readonly detail: string };
    const health = async () => (await call(`${service.url}/health`)).body;
    const redisIn = (body: Record<string, unknown>) => (body['dependencies'] as Record<string, Reading>)['redis'];
    // The health can be degraded before, for example by data that are not there yet.
    await eventually(async () => redisIn(await health())?.status === 'down', 'the health says that Redis is down');
    const body = await health();
    t.is(body['status'], 'degraded', JSON.stringify(body));
    const reading = redisIn(body);
    t.regex(reading?.detail ?? '', /memory of the process/);
    // Still limited, by this process alone.
    const statuses: number[] = [];
    for (let used = 0; used < perMinute + 5; used += 1) statuses.push((await ask(service, address)).status);
    t.true(statuses.includes(429));

    await mend(redis);
    await eventually(isBack, 'requests are counted in Redis again');
    await eventually(async () => (await health())['status'] === 'ok', 'the health is ok');
  });
}
