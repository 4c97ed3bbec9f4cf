import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { RedisReason, RedisUse } from '#src/kernel/ports/redis.ts';
import { eventually } from '#testkit/eventually.ts';
import { decisions, failures, startUses, type Uses, useUp } from './redis-uses.ts';
import { startRedisCluster } from '#testkit/servers/redis-cluster.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';

const page = readFileSync('docs/redis.md', 'utf8');
/** The command that creates the user, as an operator copies it. */
const documented = /^ACL SETUSER .*$/m.exec(page)?.[0] ?? '';
const password = 'canary-redis-password-71c0';
const words = documented.replace('PASSWORD', password).split(' ').slice(1);

const startWithUser = async (t: ExecutionContext, ...changes: readonly string[]) => {
  const server = await startRedisServer(t);
  await server.admin.call('ACL', ...words, ...changes);
  const { host } = new URL(server.url);
  const uses = startUses(t, { mode: 'server', url: `redis://volwatch:${password}@${host}` });
  await eventually(() => uses.redis.client.status === 'ready', 'redis is connected');
  const acl = (...rules: readonly string[]) => server.admin.call('ACL', 'SETUSER', 'volwatch', ...rules);
  return { server, uses, acl };
};

/** The lines about refused commands. */
const refusals = (lines: Uses['lines']): Uses['lines'] =>
  lines.filter(({ message }) => message.startsWith('redis does not carry out a command'));

test('with the documented user every command of the service is carried out', async (t) => {
  const { server, uses } = await startWithUser(t);
  await uses.isUp();
  await uses.exercise();
  await eventually(() => uses.received.length > 0, 'the message about a revoked token arrives');
  t.is(uses.metrics.value(failures), 0);
  t.is(uses.metrics.value(decisions, { backend: 'memory' }), 0);
  t.deepEqual(await uses.health(), { status: 'up' });
  t.deepEqual(await server.admin.call('ACL', 'LOG'), []);
});

const limiter = ['limits'] as const;
const needed: Readonly<Record<string, readonly RedisUse[]>> = {
  eval: ['limits', 'cache_write', 'credits'],
  evalsha: limiter,
  incrby: ['limits', 'credits'],
  pttl: limiter,
  // `limits` sends it only for a counter without an expiry, which another program must have made.
  expire: ['cache_write'],
  del: limiter,
  time: ['cache_write', 'credits'],
  pexpireat: ['credits'],
  get: ['limits', 'cache_write', 'cache_read', 'credits'],
  set: ['limits', 'cache_write'],
  hget: ['cache_read'],
  hset: ['cache_write'],
  hdel: ['cache_write'],
  hincrby: ['cache_write'],
  hlen: ['cache_write'],
  hstrlen: ['cache_write'],
  zadd: ['cache_write'],
  zcard: ['cache_write'],
  zrange: ['cache_write'],
  zrem: ['cache_write'],
  publish: ['invalidations', 'revocations'],
  subscribe: ['invalidations', 'revocations'],
};
/** Its absence is no failure: any reply shows that the server answers. */
const optional = ['ping'];

test('each documented command is needed', (t) => {
  const granted = words.filter((word) => word.startsWith('+')).map((word) => word.slice(1));
  t.deepEqual(granted.toSorted(), [...Object.keys(needed), ...optional].toSorted());
});

for (const [command, failing] of Object.entries(needed)) {
  test(`without ${command}: ${failing.join(', ')} fall back, and all calls succeed`, async (t) => {
    const { uses, acl } = await startWithUser(t, `-${command}`);
    const states = (): RedisUse[] => failing.filter((use) => uses.metrics.value(useUp, { use }) === 0);
    await eventually(
      () => failing.every((use) => uses.metrics.value(failures, { use, reason: 'noperm' }) > 0),
      'refused',
    );
    await uses.exercise();
    t.deepEqual(states(), failing);
    const { status, detail = '' } = await uses.health();
    t.is(status, 'degraded');
    t.is(detail, `failing: ${failing.map((use) => `${use} (NOPERM)`).join(', ')}`);
    t.deepEqual(
      refusals(uses.lines)
        .map(({ use, reason }) => `${String(use)} ${String(reason)}`)
        .toSorted(),
      failing.map((use) => `${use} noperm`).toSorted(),
    );
    t.false(JSON.stringify(uses.lines).includes(password));
    await acl(`+${command}`);
    await uses.isUp();
    await uses.exercise();
    t.deepEqual(states(), []);
  });
}

test('a limiter that is refused stays in the memory of the process, and says so once', async (t) => {
  const { uses, acl } = await startWithUser(t);
  await uses.isUp();
  await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), 1);
  await acl('-eval', '-evalsha');
  // Longer than several probes. SET is still allowed, and must not count as a sign that the script works again.
  for (let request = 0; request < 150; request += 1) {
    await uses.limit();
    await sleep(20);
  }
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), 1);
  t.is(uses.metrics.value(decisions, { backend: 'memory' }), 150);
  t.is(refusals(uses.lines).filter(({ use }) => use === 'limits').length, 1);
  t.like(refusals(uses.lines)[0], { reason: 'noperm', command: 'evalsha' });
  t.is((await uses.health()).status, 'degraded');
  await acl('+eval', '+evalsha');
  await uses.isUp();
  await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), 2);
  t.is(uses.lines.filter(({ message }) => message === 'redis carries out the commands again').length, 1);
});

test('another reason of the same use is logged at once, the same reason is not', async (t) => {
  const { server, uses, acl } = await startWithUser(t);
  const reasons = (): unknown[] =>
    refusals(uses.lines)
      .filter(({ use }) => use === 'limits')
      .map(({ reason }) => reason);
  const failWith = async (reason: RedisReason, cause: () => Promise<unknown>): Promise<void> => {
    await uses.isUp();
    const before = uses.metrics.value(failures, { use: 'limits', reason });
    await cause();
    await eventually(async () => {
      await uses.limit();
      return uses.metrics.value(failures, { use: 'limits', reason }) > before;
    }, `limits fail: ${reason}`);
  };
  const setMemory = (max: string) => server.admin.call('CONFIG', 'SET', 'maxmemory', max);
  await failWith('noperm', () => acl('-evalsha'));
  await acl('+evalsha');
  await failWith('oom', () => setMemory('1'));
  await setMemory('0');
  await failWith('noperm', () => acl('-evalsha'));
  t.deepEqual(reasons(), ['noperm', 'oom']);
});

test('a user without EVALSHA does not make the limiter change sides at each new connection', async (t) => {
  const { uses } = await startWithUser(t, '-evalsha');
  await eventually(() => uses.metrics.value(failures, { use: 'limits' }) > 0, 'the script is refused');
  for (let request = 0; request < 60; request += 1) {
    await uses.limit();
    await sleep(20);
  }
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), 0);
});

test('without channels messages are replaced by reads: an invalidation reaches the other instance', async (t) => {
  const { uses, server } = await startWithUser(t, 'resetchannels');
  const other = startUses(t, { mode: 'server', url: server.url });
  await other.isUp();
  await eventually(() => uses.metrics.value(failures, { use: 'revocations', reason: 'noperm' }) > 0, 'refused');
  const key = { cache: 'prices', tag: 'tech5', key: 'first' } as const;
  t.like(await other.cache.read(key, async () => 'old'), { value: 'old' });
  await uses.cache.invalidate('tech5');
  t.like(await other.cache.read(key, async () => 'new'), { value: 'new', state: 'miss' });
  t.is((await uses.health()).detail, 'failing: invalidations (NOPERM), revocations (NOPERM)');
});

test('in a cluster the documented user needs CLUSTER SLOTS, and nothing more', async (t) => {
  const { primaries, replica, urls } = await startRedisCluster(t);
  const nodes = [...primaries, replica];
  t.true(page.includes('`+cluster\\|slots +client\\|setname`'));
  for (const { admin } of nodes) await admin.call('ACL', ...words, '+cluster|slots', '+client|setname');
  const withUser = urls.map((url) => url.replace('redis://', `redis://volwatch:${password}@`));
  const uses = startUses(t, { mode: 'cluster', urls: withUser });
  await uses.isUp();
  for (let round = 0; round < 10; round += 1) await uses.exercise();
  await eventually(() => uses.received.length > 0, 'messages arrive');
  t.is(uses.metrics.value(failures), 0, JSON.stringify(uses.lines));
  for (const { admin } of nodes) t.deepEqual(await admin.call('ACL', 'LOG'), []);
  for (const { admin } of nodes) await admin.call('ACL', 'SETUSER', 'volwatch', '-cluster');
  const without = startUses(t, { mode: 'cluster', urls: withUser });
  await eventually(async () => /NOPERM/.test((await without.health()).detail ?? ''), 'health names the missing right');
});

test('a database number needs SELECT', async (t) => {
  const server = await startRedisServer(t);
  t.true(page.includes('`+select`'));
  await server.admin.call('ACL', ...words, '+select');
  const { host } = new URL(server.url);
  const uses = startUses(t, { mode: 'server', url: `redis://volwatch:${password}@${host}/3` });
  await uses.isUp();
  await uses.exercise();
  t.deepEqual(await server.admin.call('ACL', 'LOG'), []);
  t.regex(await server.admin.info('keyspace'), /^db3:/m);
  t.notRegex(await server.admin.info('keyspace'), /^db0:/m);
});

test('keys of another prefix are refused as the documented user', async (t) => {
  const { uses } = await startWithUser(t);
  await t.throwsAsync(uses.redis.client.set('other', '1'), { message: /^NOPERM/ });
});

test('a wrong password: health is down with WRONGPASS, and the password is not logged', async (t) => {
  const server = await startRedisServer(t);
  await server.admin.call('ACL', ...words);
  const { host } = new URL(server.url);
  const uses = startUses(t, { mode: 'server', url: `redis://volwatch:wrong-${password}@${host}` });
  await eventually(async () => /WRONGPASS/.test((await uses.health()).detail ?? ''), 'health names the reply');
  t.is((await uses.health()).status, 'down');
  await uses.exercise();
  t.is(uses.lines.length, 1);
  t.like(uses.lines[0], { reason: 'WRONGPASS' });
  t.false(JSON.stringify(uses.lines).includes(password));
});
