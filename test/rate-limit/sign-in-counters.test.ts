import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { createRedis } from '#src/redis/client.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { redisUrl } from '#testkit/redis.ts';

const quota = { points: 10_000, windowSeconds: 60 };
const maxNew = 20;

/** A database of its own in the run's Redis, so that its keys can be counted. */
const ownDatabase = (number: number): string => {
  const url = new URL(redisUrl());
  url.pathname = `/${number}`;
  return url.href;
};

const setup = async (t: ExecutionContext, { database }: { readonly database?: number } = {}) => {
  const common = { logger: silentLogger, metrics: recordMetrics(), clock: systemClock };
  const connection =
    database === undefined
      ? undefined
      : createRedis({ address: { mode: 'server', url: ownDatabase(database) }, commandTimeoutMs: 2_000, ...common });
  t.teardown(() => connection?.close());
  if (connection) {
    await new Promise<void>((resolve) => connection.client.once('ready', () => resolve()));
    await connection.client.flushdb();
  }
  const { loginThrottle } = createRateLimits({
    clientLimits: new Map(),
    abuse: noAbuseReport,
    policies: {
      ip: quota,
      login: quota,
      user: quota,
      client: quota,
      api_key: quota,
      credentials: quota,
      account: { points: 10_000, windowSeconds: 1 },
      calendar: quota,
      calendar_ip: quota,
      recovery: quota,
      account_new: { points: maxNew, windowSeconds: 86_400 },
      account_place: { points: 5, windowSeconds: 900 },
    },
    redis: connection,
    hashKey: Buffer.from('key'),
    ...common,
  });
  return { throttle: loginThrottle, client: connection?.client };
};

const someone = (): string => `${randomUUID()}@example.com`;
const attacker = '203.0.113.66';

test('a flood of made-up accounts from one address leaves a bounded number of keys in Redis', async (t) => {
  const { throttle, client } = await setup(t, { database: 11 });
  for (let flood = 0; flood < 500; flood += 1) {
    await throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false });
  }
  // Keys of the limit of an account from all networks live for its window only.
  const kept = (await client!.keys('*')).filter((key) => !key.includes(':account:'));
  t.true(kept.length > maxNew, 'the accounts within the limit have a counter each');
  // Beside them: the count of new accounts, and the three counters that all further accounts share.
  t.true(kept.length <= maxNew + 4, `${kept.length} keys`);
});

for (const backend of ['redis', 'memory']) {
  const start = (t: ExecutionContext, database: number) => setup(t, backend === 'redis' ? { database } : {});

  test(`${backend}: accounts beyond the limit of their network are delayed together, other networks and known ones are not`, async (t) => {
    const { throttle } = await start(t, 12);
    const known = someone();
    for (let flood = 0; flood < maxNew; flood += 1) {
      t.is(await throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false }), undefined);
    }
    const further = await Promise.all(
      Array.from({ length: 30 }, () => throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false })),
    );
    t.is(further.filter((refusal) => refusal === undefined).length, 5);
    t.is(await throttle.attempt({ account: known, clientIp: attacker, knownPlace: true }), undefined);
    t.is(await throttle.attempt({ account: known, clientIp: '198.51.100.1', knownPlace: false }), undefined);
  });

  test(`${backend}: the right password gives its place back, and ends no delay that accounts share`, async (t) => {
    const { throttle } = await start(t, 13);
    for (let office = 0; office < 3 * maxNew; office += 1) {
      const attempt = { account: someone(), clientIp: attacker, knownPlace: false };
      t.is(await throttle.attempt(attempt), undefined, 'users of a network who know their passwords');
      await throttle.succeeded(attempt);
    }
    const guess = () => throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false });
    for (let flood = 0; flood < maxNew + 5; flood += 1) t.is(await guess(), undefined);
    t.truthy(await guess());
    await throttle.succeeded({ account: someone(), clientIp: attacker, knownPlace: false });
    t.truthy(await guess(), 'an account of the attacker does not help the others');
  });

  test(`${backend}: simultaneous sign-ins with the right password give one place back together`, async (t) => {
    const { throttle } = await start(t, 14);
    for (let round = 0; round < 5; round += 1) {
      const attempt = { account: someone(), clientIp: attacker, knownPlace: false };
      for (const _ of [1, 2, 3]) t.is(await throttle.attempt(attempt), undefined);
      await Promise.all([1, 2, 3].map(() => throttle.succeeded(attempt)));
    }
    const guess = () => throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false });
    // Those within the limit, and five that share the counter of all further accounts.
    for (let flood = 0; flood < maxNew + 5; flood += 1) t.is(await guess(), undefined);
    t.truthy(await guess(), 'the max has not grown');
  });
}
