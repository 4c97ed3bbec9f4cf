import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { createCounters } from '#src/rate-limit/counters.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { createRedis } from '#src/redis/client.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { redisUrl } from '#testkit/redis.ts';
import { policiesWith } from '#testkit/rate-limits.ts';
import { eventually } from '#testkit/eventually.ts';

const quota = { points: 10_000, windowSeconds: 60 };
const maxNew = 20;
const policies = policiesWith(quota, {
  account: { points: 10_000, windowSeconds: 1 },
  account_new: { points: maxNew, windowSeconds: 86_400 },
  account_place: { points: 5, windowSeconds: 900 },
});

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
  const deps = { redis: connection, policies, ...common };
  const { loginThrottle } = createRateLimits({
    clientLimits: new Map(),
    abuse: noAbuseReport,
    hashKey: Buffer.from('key'),
    ...deps,
  });
  return { throttle: loginThrottle, client: connection?.client, deps };
};

const someone = (): string => `${randomUUID()}@example.com`;
const attacker = '203.0.113.66';

/** Accounts within the limit pass, and five more that share the counter of all further accounts. */
const assertMax = async (t: ExecutionContext, throttle: LoginThrottle): Promise<void> => {
  const guess = () => throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false });
  for (let flood = 0; flood < maxNew + 5; flood += 1) t.is(await guess(), undefined);
  t.truthy(await guess(), 'the max has not grown');
};

test('a flood of made-up accounts from one address leaves a bounded number of keys in Redis', async (t) => {
  const { throttle, client } = await setup(t, { database: 11 });
  for (let flood = 0; flood < 500; flood += 1) {
    await throttle.attempt({ account: someone(), clientIp: attacker, knownPlace: false });
  }
  // Keys of the limit of an account from all networks live for its window only.
  const kept = (await client!.keys('*')).filter((key) => !key.includes(':account:'));
  t.true(kept.length > maxNew, 'the accounts within the limit have a counter each');
  // Each has a note that it has paid. Beside them: the count of new accounts, and the three counters that all further accounts share.
  t.true(kept.length <= 2 * maxNew + 4, `${kept.length} keys`);
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

  test(`${backend}: a wrong password of a known place is answered as one of a new place, and delays no right one`, async (t) => {
    const { throttle } = await start(t, 8);
    const at = (knownPlace: boolean) => ({ account: someone(), clientIp: attacker, knownPlace });
    const [early, known, untried] = [at(true), at(true), at(true)];
    const wrong = async (attempt: typeof known) => (await throttle.attempt(attempt)) ?? throttle.failed(attempt);
    t.is(await wrong(early), undefined);
    for (let flood = 1; flood < maxNew; flood += 1) t.is(await wrong(at(false)), undefined);
    // The counter of all further accounts.
    for (let flood = 0; flood < 5; flood += 1) t.is(await wrong(at(flood % 2 === 0)), undefined);
    t.truthy(await wrong(at(false)), 'an account without a sign-in from here');
    t.truthy(await wrong(known));
    t.is(await wrong(early), undefined, 'it has a counter of its own, as one without a sign-in from here would have');
    for (const attempt of [known, untried, early]) {
      t.is(await throttle.attempt(attempt), undefined, 'the right password');
      await throttle.succeeded(attempt);
    }
  });

  test(`${backend}: the refusal of a known place is shown as that of a new one, and showing it takes no attempt`, async (t) => {
    const { throttle } = await start(t, 6);
    const own = { retryAfterSeconds: 1, isFirst: true };
    const at = (knownPlace: boolean) => ({ account: someone(), clientIp: attacker, knownPlace });
    const known = at(true);
    for (let refused = 0; refused < 2 * maxNew; refused += 1) t.deepEqual(await throttle.shown(known, own), own);
    await assertMax(t, throttle);
    t.deepEqual(await throttle.shown(at(false), own), own, 'it is that of a new place already');
    for (let refused = 0; refused < 3; refused += 1) {
      const shown = await throttle.shown(known, { ...own, isFirst: false });
      t.true(shown.retryAfterSeconds > 20 && shown.retryAfterSeconds <= 30, `${shown.retryAfterSeconds}`);
      t.false(shown.isFirst);
    }
    t.true((await throttle.shown(known, own)).isFirst, 'the first refusal of the own delay is recorded');
    await throttle.succeeded(known);
  });

  test(`${backend}: users of a known place who mistype their passwords use up no places of it`, async (t) => {
    const { throttle } = await start(t, 7);
    for (let office = 0; office < 3 * maxNew; office += 1) {
      const attempt = { account: someone(), clientIp: attacker, knownPlace: true };
      t.is(await throttle.attempt(attempt), undefined);
      t.is(await throttle.failed(attempt), undefined);
      t.is(await throttle.attempt(attempt), undefined);
      await throttle.succeeded(attempt);
    }
    await assertMax(t, throttle);
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
    await assertMax(t, throttle);
  });

  test(`${backend}: a counter from a time when the network was known is not given back, because it was not paid`, async (t) => {
    const { throttle } = await start(t, 15);
    const own = Array.from({ length: 2 * maxNew }, someone);
    for (const account of own) {
      // A wrong password in a known network. Sign-ins from 20 others follow, so the network is an unknown one again.
      t.is(await throttle.attempt({ account, clientIp: attacker, knownPlace: true }), undefined);
      const right = { account, clientIp: attacker, knownPlace: false };
      t.is(await throttle.attempt(right), undefined);
      await throttle.succeeded(right);
    }
    await assertMax(t, throttle);
  });
}

test('redis: what was paid in a window that has ended is not given back in the next one', async (t) => {
  const { throttle, client } = await setup(t, { database: 10 });
  const [first, ...own] = Array.from({ length: maxNew }, () => ({
    account: someone(),
    clientIp: attacker,
    knownPlace: false,
  }));
  const keysOf = (policy: string) => client!.keys(`*:${policy}:*`);
  t.is(await throttle.attempt(first!), undefined);
  const [count = ''] = await keysOf('account_new');
  // The others pay near the end of the window.
  await client!.pexpire(count, 60_000);
  for (const attempt of own) t.is(await throttle.attempt(attempt), undefined);
  const remainingMs = await client!.pttl(count);
  // Time passes for all keys until the window has ended. The counters of the accounts live a little longer.
  for (const key of await client!.keys('*')) {
    const ms = (await client!.pttl(key)) - remainingMs;
    await client!.pexpire(key, key.includes(':account_place:') ? 60_000 : Math.max(1, ms));
  }
  await eventually(async () => (await keysOf('account_new')).length === 0, 'the window has ended');
  t.is((await keysOf('account_place')).length, maxNew);
  const [early, late] = [own.slice(0, maxNew / 2), own.slice(maxNew / 2)];
  for (const attempt of early) await throttle.succeeded(attempt);
  await assertMax(t, throttle);
  for (const attempt of late) await throttle.succeeded(attempt);
  const further = { account: someone(), clientIp: attacker, knownPlace: false };
  t.truthy(await throttle.attempt(further), 'the payments of others are not given back either');
});

for (const redis of [true, false]) {
  test(`${redis ? 'redis' : 'memory'}: no refund makes a count negative`, async (t) => {
    const { deps } = await setup(t, redis ? { database: 9 } : {});
    const internal = { account_delay: quota, account_level: quota, account_paid: quota };
    const counters = createCounters({ ...deps, policies: { ...policies, ...internal } });
    const subject = someone();
    await Promise.all(Array.from({ length: 10 }, () => counters.refund('account_new', subject)));
    t.is(await counters.consumed('account_new', subject), 0);
    await counters.consume('account_new', subject);
    t.is(await counters.consumed('account_new', subject), 1);
  });
}
