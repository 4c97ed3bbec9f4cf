import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { createRedis } from '#src/redis/client.ts';
import { redisUrl } from '#testkit/redis.ts';
import { policiesWith } from '#testkit/rate-limits.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const quota = { points: 5, windowSeconds: 60 };
const policies = policiesWith(quota, {
  account_new: { points: 100, windowSeconds: 86_400 },
});
const decisions = 'volwatch_rate_limit_decisions_total';

const setup = (
  t: ExecutionContext,
  { redis = true, clientLimits = new Map<string, number>(), user = quota.points } = {},
) => {
  const metrics = recordMetrics();
  const common = { logger: silentLogger, metrics, clock: systemClock };
  const connection = redis
    ? createRedis({ address: { mode: 'server', url: redisUrl() }, commandTimeoutMs: 2_000, ...common })
    : undefined;
  const hashKey = Buffer.from('key');
  const limits = createRateLimits({
    abuse: noAbuseReport,
    policies: { ...policies, user: { ...quota, points: user } },
    clientLimits,
    redis: connection,
    hashKey,
    ...common,
  });
  t.teardown(() => connection?.close());
  const connected = new Promise<void>((resolve) => {
    if (connection) connection.client.once('ready', () => resolve());
    else resolve();
  });
  return { limits, metrics, connected };
};

const from = (clientIp: string): RequestContext => ({
  requestId: 'r',
  traceId: 't',
  clientIp,
  signal: new AbortController().signal,
  timings: {},
});
const someAddress = (): string =>
  `2001:db8:${randomUUID().slice(0, 4)}:${randomUUID().slice(0, 4)}::${randomUUID().slice(0, 4)}`;

const refusalOf = async (attempt: Promise<unknown>): Promise<AppError | undefined> =>
  attempt.then(
    () => undefined,
    (error: unknown) => (error instanceof AppError ? error : Promise.reject(error as Error)),
  );

for (const backend of ['redis', 'memory'] as const) {
  test(`${backend}: headers count down, then 429 with Retry-After; every decision is counted`, async (t) => {
    const { limits, metrics, connected } = setup(t, { redis: backend === 'redis' });
    await connected;
    const context = from(someAddress());
    for (let left = quota.points - 1; left >= 0; left -= 1) {
      const headers = await limits.limit(context, 'caller', undefined);
      t.is(headers['RateLimit-Policy'], '"ip";q=5;w=60');
      t.regex(headers['RateLimit'] ?? '', new RegExp(`^"ip";r=${left};t=(60|59)$`));
    }
    for (let again = 0; again < 3; again += 1) {
      const refusal = await refusalOf(limits.limit(context, 'caller', undefined));
      t.is(refusal?.code, 'rate_limit_exceeded');
      t.true(refusal!.retryAfter! > 55 && refusal!.retryAfter! <= 60);
      t.regex(refusal?.headers['RateLimit'] ?? '', /^"ip";r=0;t=\d+$/);
      t.is(refusal?.headers['RateLimit-Policy'], '"ip";q=5;w=60');
      t.false(refusal?.message.includes(context.clientIp));
    }
    t.is(metrics.value(decisions, { policy: 'ip', subject: 'ip', outcome: 'allowed', backend }), quota.points);
    t.is(metrics.value(decisions, { policy: 'ip', subject: 'ip', outcome: 'limited', backend }), 3);
  });
}

test('limits are separate by address, policy and caller; a /64 network shares one', async (t) => {
  const { limits, connected } = setup(t);
  await connected;
  const context = from(someAddress());
  const principal: Principal = { kind: 'client', subject: randomUUID(), scopes: [] };
  for (let used = 0; used < quota.points; used += 1) await limits.limit(context, 'caller', undefined);
  t.truthy(await refusalOf(limits.limit(context, 'caller', undefined)));
  const sibling = from(`${context.clientIp.split('::')[0]}::ffff`);
  t.truthy(await refusalOf(limits.limit(sibling, 'caller', undefined)));
  t.falsy(await refusalOf(limits.limit(from(someAddress()), 'caller', undefined)));
  t.falsy(await refusalOf(limits.limit(context, 'login', undefined)));
  t.falsy(await refusalOf(limits.limit(context, 'caller', principal)));
  t.falsy(await refusalOf(limits.limit(context, 'caller', { ...principal, kind: 'user' })));
});

test('a known caller of a sign-in route takes a point of its own limit and of the sign-ins of its address', async (t) => {
  const { limits, connected } = setup(t);
  await connected;
  const context = from(someAddress());
  const user = (): Principal => ({ kind: 'user', subject: randomUUID(), scopes: [] });
  for (let used = 0; used < quota.points; used += 1) {
    const headers = await limits.limit(context, 'login', user());
    t.regex(headers['RateLimit'] ?? '', /^"user";r=\d+;t=\d+, "login";r=\d+;t=\d+$/);
  }
  t.is((await refusalOf(limits.limit(context, 'login', user())))?.code, 'rate_limit_exceeded');
  t.falsy(await refusalOf(limits.limit(context, 'caller', user())));
});

test('above its limit, a signed-in caller can end credentials, and a key cannot', async (t) => {
  const { limits, connected } = setup(t);
  await connected;
  const subject = randomUUID();
  const ada: Principal = { kind: 'user', subject, scopes: [] };
  const key: Principal = { kind: 'api_key', subject: randomUUID(), scopes: [], owner: { kind: 'user', id: subject } };
  const [home, elsewhere] = [from(someAddress()), from(someAddress())];
  for (let used = 0; used < quota.points; used += 1) await limits.limit(elsewhere, 'caller', key);
  t.is((await refusalOf(limits.limit(home, 'caller', ada)))?.code, 'rate_limit_exceeded');
  t.is((await refusalOf(limits.limit(elsewhere, 'recovery', key)))?.code, 'rate_limit_exceeded');
  for (let used = 0; used < quota.points; used += 1) await limits.limit(elsewhere, 'recovery', ada);
  t.regex((await refusalOf(limits.limit(elsewhere, 'recovery', ada)))?.message ?? '', /recovery/);
  const headers = await limits.limit(home, 'recovery', ada);
  t.is(headers['RateLimit'], '"recovery";r=4;t=60', 'each address has a limit of its own');
  t.regex((await limits.limit(home, 'login', ada))['RateLimit'] ?? '', /^"recovery";r=3;t=\d+, "login";r=4/);
  const bob: Principal = { kind: 'user', subject: randomUUID(), scopes: [] };
  for (let used = 0; used < quota.points; used += 1) await limits.limit(from(someAddress()), 'caller', bob);
  t.is(
    (await limits.limit(home, 'recovery', bob))['RateLimit'],
    '"recovery";r=2;t=60',
    'the accounts at an address have it together',
  );
});

test('a calendar takes a point of its caller, of its owner and of its address', async (t) => {
  const { limits, connected } = setup(t);
  await connected;
  const ada: Principal = { kind: 'user', subject: randomUUID(), scopes: [] };
  const headers = await limits.limit(from(someAddress()), 'calendar', ada);
  t.is(headers['RateLimit'], '"user";r=4;t=60, "calendar";r=4;t=60, "calendar_ip";r=4;t=60');
  const context = from(someAddress());
  const other = (): Principal => ({ kind: 'client', subject: randomUUID(), scopes: [] });
  for (let used = 0; used < quota.points; used += 1) await limits.limit(context, 'calendar', other());
  const refusal = await refusalOf(limits.limit(context, 'calendar', other()));
  t.regex(refusal?.message ?? '', /calendar_ip/);
  t.true((refusal?.retryAfter ?? 0) > 0);
  t.falsy(await refusalOf(limits.limit(context, 'caller', other())));
});

test('an owner has a limit of syncs, whatever the address', async (t) => {
  const { limits, connected } = setup(t, { user: 100 });
  await connected;
  const ada: Principal = { kind: 'user', subject: randomUUID(), scopes: [] };
  for (let used = 0; used < quota.points; used += 1) await limits.limit(from(someAddress()), 'calendar', ada);
  const refusal = await refusalOf(limits.limit(from(someAddress()), 'calendar', ada));
  t.regex(refusal?.message ?? '', /"calendar"/);
  t.falsy(await refusalOf(limits.limit(from(someAddress()), 'caller', ada)));
});

for (const kind of ['user', 'client'] as const) {
  test(`the keys of a ${kind} share its budget, and it shares theirs`, async (t) => {
    const { limits, connected } = setup(t);
    await connected;
    const owner = { kind, id: randomUUID() };
    const key = (): Principal => ({ kind: 'api_key', subject: randomUUID(), scopes: [], owner });
    const headers = await limits.limit(from(someAddress()), 'caller', key());
    t.is(headers['RateLimit'], `"api_key";r=4;t=60, "${kind}";r=4;t=60`);
    for (let used = 1; used < quota.points; used += 1) await limits.limit(from(someAddress()), 'caller', key());
    const refusal = await refusalOf(limits.limit(from(someAddress()), 'caller', key()));
    t.is(refusal?.code, 'rate_limit_exceeded');
    t.regex(refusal?.message ?? '', new RegExp(`"${kind}" limit`));
    t.truthy(await refusalOf(limits.limit(from(someAddress()), 'caller', { kind, subject: owner.id, scopes: [] })));
    const other = { ...key(), owner: { kind, id: randomUUID() } };
    t.falsy(await refusalOf(limits.limit(from(someAddress()), 'caller', other)));
  });
}

for (const redis of [true, false]) {
  test(`a client with a limit of its own: others keep the limit of all clients (${redis ? 'redis' : 'memory'})`, async (t) => {
    const named = randomUUID();
    const { limits, connected } = setup(t, { redis, clientLimits: new Map([[named, 8]]) });
    await connected;
    const client: Principal = { kind: 'client', subject: named, scopes: [] };
    const key: Principal = { kind: 'api_key', subject: randomUUID(), scopes: [], owner: { kind: 'client', id: named } };
    for (let left = 7; left >= 1; left -= 1) {
      const headers = await limits.limit(from(someAddress()), 'caller', client);
      t.is(headers['RateLimit-Policy'], '"client";q=8;w=60');
      t.regex(headers['RateLimit'] ?? '', new RegExp(`^"client";r=${left};`));
    }
    const ofKey = await limits.limit(from(someAddress()), 'caller', key);
    t.is(ofKey['RateLimit-Policy'], '"api_key";q=5;w=60, "client";q=8;w=60');
    const refusals = [
      await refusalOf(limits.limit(from(someAddress()), 'caller', client)),
      await refusalOf(limits.limit(from(someAddress()), 'caller', client)),
    ];
    for (const refusal of refusals) {
      t.is(refusal?.code, 'rate_limit_exceeded');
      t.is(refusal?.headers['RateLimit-Policy'], '"client";q=8;w=60');
    }
    const other: Principal = { ...client, subject: randomUUID() };
    const headers = await limits.limit(from(someAddress()), 'caller', other);
    t.is(headers['RateLimit-Policy'], '"client";q=5;w=60');
    const user: Principal = { ...client, kind: 'user' };
    t.is((await limits.limit(from(someAddress()), 'caller', user))['RateLimit-Policy'], '"user";q=5;w=60');
  });
}

test('of simultaneous requests over several connections exactly the quota passes', async (t) => {
  const instances = [setup(t), setup(t), setup(t)];
  await Promise.all(instances.map(({ connected }) => connected));
  const context = from(someAddress());
  const attempts = Array.from({ length: 60 }, async (_, index) =>
    refusalOf(instances[index % 3]!.limits.limit(context, 'caller', undefined)),
  );
  const refusals = await Promise.all(attempts);
  t.is(refusals.filter((refusal) => refusal === undefined).length, quota.points);
});

test('the top ten: hashes in the gauge, which are removed later; addresses for the operator', async (t) => {
  const { limits, metrics } = setup(t, { redis: false });
  for (let used = 0; used < quota.points + 3; used += 1) {
    await refusalOf(limits.limit(from('203.0.113.9'), 'caller', undefined));
  }
  limits.collect();
  const [first] = limits.top();
  t.like(first, { rank: 1, policy: 'ip', subject_kind: 'ip', subject: '203.0.113.9', limited: 3 });
  const labels = { rank: '1', subject_hash: first!.subject_hash };
  t.is(metrics.value('volwatch_rate_limit_top_limited', labels), 3);
  for (let used = 0; used < quota.points + 9; used += 1) {
    await refusalOf(limits.limit(from('203.0.113.10'), 'caller', undefined));
  }
  limits.collect();
  t.is(metrics.value('volwatch_rate_limit_top_limited', labels), 0, 'the rank is somebody else’s now');
  t.is(metrics.value('volwatch_rate_limit_top_limited', { rank: '2', subject_hash: first!.subject_hash }), 3);
});
