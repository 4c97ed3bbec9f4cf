/**
 * Measures the benefit of the cache and the cost of a Redis that hangs: `npm run bench:cache`. The services use their
 * own Redis and PostgreSQL. SECONDS is the duration of each run.
 */
import autocannon from 'autocannon';
import { call, metric, scrape, serve } from '#testkit/running-service.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import type { Service } from '#testkit/service.ts';
import { eventually } from '#testkit/eventually.ts';
import { median } from '#testkit/measures/statistics.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';

const seconds = Number(process.env['SECONDS'] ?? 3);
const rounds = 3;
const ends: (() => unknown)[] = [];
const suite = { teardown: (end: () => unknown) => void ends.unshift(end) };
const show = (what: string, figure: string): void => console.log(`${what.padEnd(58)} ${figure}`);
const ms = (value: number): string => `${value.toFixed(0)} ms`;

const postgres = await startTemporaryPostgres(suite, { name: 'bench', durable: true });
const redis = await startRedisServer(suite);

const start = async (ttl: string): Promise<Service> => {
  const service = await serve(suite, {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    CACHE_TTL_SECONDS: ttl,
    RATE_LIMIT_ENABLED: 'false',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.1',
  });
  await service.logged(({ message }) => message === 'started', 60_000);
  return service;
};
const prices = ({ url }: Service, limit: number): string => `${url}/api/v1/assets/%5EGSPC/prices?limit=${limit}`;

const throughput = async (service: Service, limit: number): Promise<number> => {
  const { requests, non2xx } = await autocannon({ url: prices(service, limit), connections: 8, duration: seconds });
  if (non2xx > 0) throw new Error(`${non2xx} answers were not 2xx`);
  return requests.average;
};

const sideBySide = async (without: Service, withCache: Service): Promise<void> => {
  for (const limit of [100, 1_000]) {
    const measured = { without: [] as number[], withCache: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      measured.without.push(await throughput(without, limit));
      measured.withCache.push(await throughput(withCache, limit));
    }
    const [off, on] = [median(measured.without), median(measured.withCache)];
    const figure = `${off.toFixed(0)} -> ${on.toFixed(0)} requests/s (${(on / off).toFixed(2)}x)`;
    show(`${limit} prices, without and with the cache`, figure);
  }
};

const loadsOf = async (service: Service): Promise<number> =>
  metric(await scrape(service), 'db_client_operation_duration_seconds_count', { db_collection_name: 'price' });

const coldKey = async (service: Service): Promise<void> => {
  const before = await loadsOf(service);
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => call(prices(service, 77))));
  const served = answers.filter(({ status }) => status === 200).length;
  show('1,000 requests at once for a cold key: served, loads', `${served}, ${(await loadsOf(service)) - before}`);
};

const hungRedis = async (service: Service): Promise<void> => {
  const timed = async (): Promise<number> => {
    const begun = performance.now();
    if ((await call(prices(service, 10))).status !== 200) throw new Error('not served');
    return performance.now() - begun;
  };
  const usual: number[] = [];
  for (let request = 0; request < 20; request += 1) usual.push(await timed());
  redis.hang();
  const first = await timed();
  const later: number[] = [];
  for (let request = 0; request < 20; request += 1) later.push(await timed());
  const connections = (): number => service.log.filter(({ message }) => message === 'redis is connected').length;
  const before = connections();
  redis.wake();
  const woken = performance.now();
  await eventually(() => connections() > before, 'Redis is used again');
  show(
    'Redis hung: usual answer, first one, median after it',
    [median(usual), first, median(later)].map(ms).join(', '),
  );
  show('Redis used again after', ms(performance.now() - woken));
};

try {
  const without = await start('0');
  const withCache = await start('60');
  await sideBySide(without, withCache);
  await coldKey(withCache);
  await hungRedis(withCache);
} finally {
  for (const end of ends) await end();
}
