import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { SignInAttempt } from '#src/kernel/ports/rate-limiter.ts';
import { createLoginThrottle } from '#src/rate-limit/login-throttle.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { createRedis } from '#src/redis/client.ts';
import { redisUrl } from '#testkit/redis.ts';
import { policiesWith } from '#testkit/rate-limits.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { countersInOwnTime } from './counters-in-own-time.ts';

const quota = { points: 1_000, windowSeconds: 60 };
const decisions = 'volwatch_rate_limit_decisions_total';

const setup = async (t: ExecutionContext, { redis = true, maxDelaySeconds = 900, elsewhere = 20 } = {}) => {
  const metrics = recordMetrics();
  const common = { logger: silentLogger, metrics, clock: systemClock };
  const connection = redis
    ? createRedis({ address: { mode: 'server', url: redisUrl() }, commandTimeoutMs: 2_000, ...common })
    : undefined;
  const limits = createRateLimits({
    clientLimits: new Map(),
    abuse: noAbuseReport,
    policies: policiesWith(quota, {
      account: { points: elsewhere, windowSeconds: 60 },
      credentials: { points: 1_000, windowSeconds: 60 },
      account_new: { points: 100, windowSeconds: 86_400 },
      account_place: { points: 5, windowSeconds: maxDelaySeconds },
    }),
    redis: connection,
    hashKey: Buffer.from('key'),
    ...common,
  });
  t.teardown(() => connection?.close());
  if (connection) await new Promise<void>((resolve) => connection.client.once('ready', () => resolve()));
  return { throttle: limits.loginThrottle, top: limits.top, metrics };
};

const someone = (): string => `${randomUUID()}@example.com`;
const attemptBy = (account: string, clientIp = '198.51.100.7', knownPlace = false): SignInAttempt => ({
  account,
  clientIp,
  knownPlace,
});

for (const redis of [true, false]) {
  const backend = redis ? 'redis' : 'memory';

  test(`${backend}: of simultaneous attempts from one network exactly the budget passes`, async (t) => {
    const rooms = redis ? [await setup(t), await setup(t), await setup(t)] : [await setup(t, { redis })];
    const account = someone();
    const refusals = await Promise.all(
      Array.from({ length: 30 }, (_, index) => rooms[index % rooms.length]!.throttle.attempt(attemptBy(account))),
    );
    t.is(refusals.filter((refusal) => refusal === undefined).length, 5);
    t.is(refusals.filter((refusal) => refusal?.isFirst).length, 1, 'one refusal of a delay is reported');
    const spelled = await rooms[0]!.throttle.attempt(attemptBy(` ${account.toUpperCase()} `));
    t.true(spelled!.retryAfterSeconds > 25 && spelled!.retryAfterSeconds <= 30);
    t.false(JSON.stringify(rooms.map(({ top }) => top())).includes(account));
    const limited = rooms.reduce(
      (sum, { metrics }) =>
        sum + metrics.value(decisions, { policy: 'login', subject: 'user', outcome: 'limited', backend }),
      0,
    );
    t.is(limited, 26);
  });

  test(`${backend}: guesses from one network leave every other network its own budget`, async (t) => {
    const { throttle } = await setup(t, { redis });
    const account = someone();
    for (let guess = 0; guess < 40; guess += 1) await throttle.attempt(attemptBy(account, '203.0.113.66'));
    t.truthy(await throttle.attempt(attemptBy(account, '203.0.113.66')));
    t.is(await throttle.attempt(attemptBy(account, '198.51.100.1')), undefined, 'a network that is new to the account');
    t.is(await throttle.attempt(attemptBy(account, '198.51.100.2', true)), undefined);
  });

  test(`${backend}: guesses from many networks do not keep the owner out of one that he has used`, async (t) => {
    const { throttle } = await setup(t, { redis });
    const account = someone();
    const guesses = await Promise.all(
      Array.from({ length: 40 }, (_, index) => throttle.attempt(attemptBy(account, `203.0.113.${index}`))),
    );
    t.is(guesses.filter((refusal) => refusal === undefined).length, 20, 'the wide budget');
    t.is(guesses.filter((refusal) => refusal?.isFirst).length, 1);
    t.truthy(await throttle.attempt(attemptBy(account, '198.51.100.1')));
    for (let attempt = 0; attempt < 5; attempt += 1) {
      t.is(await throttle.attempt(attemptBy(account, '198.51.100.2', true)), undefined);
    }
    t.truthy(await throttle.attempt(attemptBy(account, '198.51.100.2', true)), 'his network has a budget of its own');
  });

  test(`${backend}: a delay ends by itself, and the right password ends it at once`, async (t) => {
    const { throttle } = await setup(t, { redis, maxDelaySeconds: 1 });
    const attempt = attemptBy(someone());
    for (let count = 0; count < 5; count += 1) t.is(await throttle.attempt(attempt), undefined);
    t.truthy(await throttle.attempt(attempt));
    // The time is the subject: longer than the delay.
    await sleep(1_200);
    t.is(await throttle.attempt(attempt), undefined);
    t.truthy(await throttle.attempt(attempt));
    await throttle.succeeded(attempt);
    for (let count = 0; count < 5; count += 1) t.is(await throttle.attempt(attempt), undefined, 'begins anew');
  });
}

test('each attempt that passes doubles the delay, up to the max; refused ones do not', async (t) => {
  const { counters, advance } = countersInOwnTime({ account_place: 5 });
  const throttle = createLoginThrottle({
    counters,
    hashKey: Buffer.from('key'),
    place: { points: 5, windowSeconds: 900 },
    elsewhere: quota,
    newAccounts: 100,
    decided: () => {},
  });
  const attempt = attemptBy('ada@example.org', '198.51.100.7', true);
  for (let count = 0; count < 5; count += 1) await throttle.attempt(attempt);
  const delays: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    for (let hammering = 0; hammering < 9; hammering += 1) await throttle.attempt(attempt);
    const delay = (await throttle.attempt(attempt))!.retryAfterSeconds;
    delays.push(delay);
    advance(delay);
    t.is(await throttle.attempt(attempt), undefined, `after ${delay} s`);
  }
  t.deepEqual(delays, [30, 60, 120, 240, 480, 900, 900, 900]);
});

test('a refusal is shown with the wait of the limit of all networks when that is what a new place would get', async (t) => {
  const { counters, advance } = countersInOwnTime({ account_place: 5, account: 3, account_new: 100 });
  const throttle = createLoginThrottle({
    counters,
    hashKey: Buffer.from('key'),
    place: { points: 5, windowSeconds: 900 },
    elsewhere: { points: 3, windowSeconds: 60 },
    newAccounts: 100,
    decided: () => {},
  });
  const known = attemptBy('ada@example.org', '198.51.100.7', true);
  const own = { retryAfterSeconds: 1, isFirst: false };
  t.deepEqual(await throttle.shown(known, own), own);
  for (let network = 0; network < 3; network += 1)
    await throttle.attempt(attemptBy('ada@example.org', `203.0.113.${network}`));
  advance(400);
  t.is((await throttle.shown(known, own)).retryAfterSeconds, 86_000);
});
