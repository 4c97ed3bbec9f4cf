import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { call, metric, scrape, serve } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { startRedisCluster } from '#testkit/servers/redis-cluster.ts';
import { startSentinelServers } from '#testkit/servers/redis-sentinel.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import type { Service } from '#testkit/service.ts';

const decisions = 'volwatch_rate_limit_decisions_total';
const acl = /^ACL SETUSER .*$/m.exec(readFileSync('docs/redis.md', 'utf8'))?.[0] ?? '';
const userRules = acl.replace('PASSWORD', 'p%40ss').split(' ').slice(1);
/** The password in the rule above, in percent-encoding. */
const credentials = 'volwatch:p%2540ss';

/** The service in production mode, whose start needs each of these variables. */
const start = async (t: ExecutionContext, environment: Readonly<Record<string, string>>): Promise<Service> => {
  const database = await setupDatabase(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: 'false',
    DATABASE_URL: database.url,
    RATE_LIMIT_ENABLED: 'true',
    REDIS_COMMAND_TIMEOUT_MS: '1000',
    ...environment,
  });
  await service.ready();
  return service;
};

const health = async ({ url }: Service): Promise<Record<string, string>> => {
  const { body } = await call(`${url}/health`);
  return (body['dependencies'] as Record<string, Record<string, string>>)['redis'] ?? {};
};
const isUp = (service: Service): Promise<void> =>
  eventually(async () => (await health(service))['status'] === 'up', 'redis is up', 30_000);
const models = (service: Service) => call(`${service.url}/api/v1/pricing/models`);
const counted = async (service: Service, backend: 'redis' | 'memory'): Promise<number> =>
  metric(await scrape(service), decisions, { backend });

test.serial('REDIS_URLS: the limits of a service in production mode are counted in the cluster', async (t) => {
  const { urls } = await startRedisCluster(t);
  const service = await start(t, { REDIS_URLS: urls.join(',') });
  await isUp(service);
  t.is((await models(service)).status, 200);
  t.true((await counted(service, 'redis')) > 0);
  t.is(await counted(service, 'memory'), 0);
  t.is(metric(await scrape(service), 'volwatch_redis_mode', { mode: 'cluster' }), 1);
});

test.serial('REDIS_SENTINEL_URLS: the servers get the account of REDIS_URL, and a failover is survived', async (t) => {
  const { primary, replica, primaryPort, urls, group } = await startSentinelServers(t);
  for (const { admin } of [primary, replica]) await admin.call('ACL', ...userRules);
  const service = await start(t, {
    REDIS_SENTINEL_URLS: urls.join(','),
    REDIS_SENTINEL_GROUP: group,
    REDIS_URL: `redis://${credentials}@the-host-is-not-used.invalid`,
  });
  await isUp(service);
  t.is((await models(service)).status, 200);
  t.true(String(await primary.admin.call('CLIENT', 'LIST')).includes('user=volwatch'));
  await primary.stop();
  await eventually(
    async () => (await models(service)).status === 200 && (await counted(service, 'memory')) > 0,
    'fell back',
  );
  await eventually(async () => (await primaryPort()) === replica.port, 'the replica is the new primary', 30_000);
  await isUp(service);
  const before = await counted(service, 'redis');
  await models(service);
  t.true((await counted(service, 'redis')) > before);
});

test.serial('NOPERM in production mode: health, metric and log name it, and the limit still holds', async (t) => {
  const server = await startRedisServer(t);
  await server.admin.call('ACL', ...userRules);
  const { host } = new URL(server.url);
  const service = await start(t, { REDIS_URL: `redis://${credentials}@${host}`, RATE_LIMIT_IP_PER_MINUTE: '5' });
  await isUp(service);
  await server.admin.call('ACL', 'SETUSER', 'volwatch', '-eval', '-evalsha');
  const first = await models(service);
  t.is(first.status, 200);
  const traceId = String(first.headers.get('x-trace-id'));
  const line = await service.logged((each) => each['trace_id'] === traceId && each['reason'] === 'noperm');
  t.like(line, {
    level: 'warn',
    use: 'limits',
    command: 'evalsha',
    message: 'redis does not carry out a command: rate limits are counted in this process',
  });
  // Health is cached for a second.
  await eventually(async () => (await health(service))['status'] === 'degraded', 'the health is degraded');
  t.is((await health(service))['detail'], 'failing: limits (NOPERM)');
  const text = await scrape(service);
  t.is(metric(text, 'volwatch_redis_use_up', { use: 'limits' }), 0);
  t.true(metric(text, 'volwatch_redis_failures_total', { use: 'limits', reason: 'noperm' }) > 0);
  t.is(metric(text, 'volwatch_dependency_up', { dependency: 'redis' }), 1);
  const statuses: number[] = [];
  for (let request = 0; request < 8; request += 1) statuses.push((await models(service)).status);
  t.deepEqual(statuses, [200, 200, 200, 200, 429, 429, 429, 429]);
  t.is(service.log.filter(({ reason, use }) => reason === 'noperm' && use === 'limits').length, 1);
  t.is((await call(`${service.url}/health/ready`)).status, 200);
  t.is(service.stderr(), '');
  await server.admin.call('ACL', 'SETUSER', 'volwatch', '+eval', '+evalsha');
  await isUp(service);
});
