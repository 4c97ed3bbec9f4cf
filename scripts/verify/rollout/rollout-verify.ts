/**
 * `npm run rollout:verify`: replaces all instances behind HAProxy one after the other, under a load of 200 requests/s and
 * with a migration in between. Every request must succeed. HAProxy sends nothing twice, so the drain of the service alone
 * keeps requests from failing. Needs Debian's haproxy. RATE, INSTANCES and MIXED_SECONDS change the defaults.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import { startService, type Service } from '#testkit/service.ts';
import { startHaproxy } from './haproxy.ts';
import { percentile, startLoad, type Request } from './load.ts';
import { withScope } from '../scope.ts';

const perSecond = Number(process.env['RATE'] ?? 200);
const instanceCount = Number(process.env['INSTANCES'] ?? 3);
/** Time in which the old and the new version answer side by side. */
const mixedMs = Number(process.env['MIXED_SECONDS'] ?? 60) * 1_000;

const drainMs = 3_000;
const secret = randomBytes(24).toString('hex');

const price: Request = {
  name: 'price',
  path: '/api/v1/pricing/price',
  options: {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'black_scholes',
      spot: 100,
      strike: 105,
      rate: 0.03,
      volatility: 0.2,
      time_to_expiry: 0.5,
      option_type: 'call',
    }),
  },
};
const token: Request = {
  name: 'token',
  path: '/api/v1/auth/token',
  options: {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'rollout', client_secret: secret }),
  },
};
const asset: Request = { name: 'asset', path: '/api/v1/assets/AAPL' };
const assets: Request = { name: 'assets', path: '/api/v1/assets?limit=20' };
/** One write in forty requests. */
const requests = [token, ...Array.from({ length: 13 }).flatMap(() => [price, asset, assets])];

await withScope(async (scope) => {
  const { url: databaseUrl } = await startOwnPostgres(scope);
  const { url: redisUrl } = await startRedisServer(scope);
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const ports = await Promise.all(Array.from({ length: instanceCount }, () => freePort()));
  const live = new Map<number, Service>();
  scope.teardown(() => Promise.all([...live.values()].map((service) => service.stop())));

  const start = async (port: number, version: string, migrates: boolean): Promise<Service> => {
    const service = await startService({
      startTimeoutMs: 120_000,
      environment: {
        NODE_ENV: 'production',
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        DATABASE_MIGRATE: String(migrates),
        REDIS_URL: redisUrl,
        JWT_PRIVATE_KEY: key,
        API_KEY_SECRET: secret,
        WEBHOOK_SECRET: secret,
        BOOTSTRAP_CLIENT_ID: 'rollout',
        BOOTSTRAP_CLIENT_SECRET: secret,
        GIT_COMMIT: version,
        TRUSTED_PROXIES: '127.0.0.1',
        SHUTDOWN_DRAIN_MS: String(drainMs),
        PRICING_WORKERS: '1',
        PRICING_LONG_WORKERS: '1',
      },
    });
    live.set(port, service);
    await service.ready(120_000).catch((error: unknown) => {
      console.error(service.log.slice(-20));
      throw error;
    });
    return service;
  };
  /** As a Deployment with maxUnavailable 0 does it, except that a port has one process at a time. */
  const replace = async (port: number): Promise<void> => {
    const began = performance.now();
    const status = await live.get(port)!.stop(60_000);
    if (status !== 0) throw new Error(`an instance ended with status ${status}`);
    const stopped = performance.now();
    await start(port, 'new', false);
    const [stopMs, startMs] = [stopped - began, performance.now() - stopped];
    console.log(`instance on ${port}: stopped in ${Math.round(stopMs)} ms, ready after ${Math.round(startMs)} ms`);
    // HAProxy must see that it is ready before the next one goes.
    await sleep(1_500);
  };
  const migrate = async (name: string, ...statements: string[]): Promise<void> => {
    const began = performance.now();
    for (const statement of statements) await statementOn(databaseUrl, statement);
    console.log(`migration (${name}): ${Math.round(performance.now() - began)} ms`);
  };

  for (const [index, port] of ports.entries()) await start(port, 'old', index === 0);
  const url = await startHaproxy(scope, ports);
  for (const request of requests.slice(0, 4)) {
    const { status } = await fetch(`${url}${request.path}`, request.options);
    if (status !== 200) throw new Error(`${request.name}: status ${status} before the rollout`);
  }

  const began = performance.now();
  const load = startLoad(url, requests, perSecond);
  await sleep(5_000);
  // Expand: what the new version needs is added, and the old version does not see it.
  await migrate(
    'expand',
    'alter table asset add column rollout_note text',
    'create index concurrently asset_rollout_note on asset (rollout_note)',
  );
  await replace(ports[0]!);
  await sleep(mixedMs);
  for (const port of ports.slice(1)) await replace(port);
  // Contract: only after the last old instance has gone.
  await migrate('contract', 'drop index concurrently asset_rollout_note', 'alter table asset drop column rollout_note');
  await sleep(5_000);
  await load.stop();

  const seconds = (performance.now() - began) / 1_000;
  const failed = load.outcomes.filter(({ status }) => status !== 200);
  const kinds = Map.groupBy(failed, ({ name, status }) => `${name}: ${status}`);
  for (const [kind, { length }] of kinds) console.error(`failed: ${length} x ${kind}`);
  const rate = load.outcomes.length / seconds;
  const quantiles = [0.5, 0.95, 0.99, 1].map((share) => percentile(load.outcomes, share)).join(' / ');
  console.log(
    `${load.outcomes.length} requests in ${Math.round(seconds)} s (${Math.round(rate)}/s), failed: ${failed.length}`,
  );
  console.log(`p50 / p95 / p99 / max: ${quantiles} ms`);
  console.log(`by instance: ${[...load.instances].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  // A load that was not sent proves nothing.
  const isWhole = rate > perSecond * 0.9 && ports.every((_, index) => load.instances.has(`instance-${index}`));
  if (!isWhole) console.error('the load did not reach all instances at its rate');
  return failed.length === 0 && isWhole;
});
