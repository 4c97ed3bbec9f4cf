import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { RedisReason } from '#src/kernel/ports/redis.ts';
import { accountOf, endpointOf } from '#src/redis/connection/redis-address.ts';
import { redisReasonOf } from '#src/redis/connection/redis-reason.ts';
import { eventually } from '#testkit/eventually.ts';
import { decisions, failures, startUses, useUp } from './redis-uses.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';

test('each reply has a kind, also inside a script and inside the error of the cluster client', (t) => {
  const sha = '9be9283860375dc0a789b44c11a2bb1dce6e480f';
  const kinds: readonly (readonly [string, RedisReason])[] = [
    ["NOPERM this user has no permissions to run the 'get' command", 'noperm'],
    [
      `ERR The user executing the script can't run this command or subcommand script: ${sha}, on @user_script:1.`,
      'noperm',
    ],
    [
      `ERR The user executing the script can't access at least one of the keys mentioned in the command arguments script: ${sha}`,
      'noperm',
    ],
    // Redis 7.2 and Valkey.
    [
      `ERR ACL failure in script: User volwatch has no permissions to run the 'incrby' command script: ${sha}`,
      'noperm',
    ],
    ['NOAUTH Authentication required.', 'noauth'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'wrongpass'],
    ["ERR unknown command 'EVAL', with args beginning with: ", 'unknown_command'],
    ["READONLY You can't write against a read only replica.", 'readonly'],
    ['LOADING Redis is loading the dataset in memory', 'loading'],
    ['MOVED 3999 127.0.0.1:6381', 'moved'],
    ['CLUSTERDOWN The cluster is down', 'clusterdown'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'crossslot'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'oom'],
    ['MISCONF Redis is configured to save RDB snapshots', 'misconf'],
    ['NOREPLICAS Not enough good replicas to write.', 'noreplicas'],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'masterdown'],
    ['BUSY Redis is busy running a script.', 'busy'],
    ['Command timed out', 'timeout'],
    ['Connection is closed.', 'not_connected'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'not_connected'],
    ["Cluster isn't ready and enableOfflineQueue options is false", 'not_connected'],
    ['Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN Hash slot not served', 'clusterdown'],
    ['ERR syntax error', 'other'],
  ];
  for (const [message, kind] of kinds) t.is(redisReasonOf(new Error(message)), kind, message);
});

test('READONLY: the uses that write fall back, one line is logged, and a promoted server is used again', async (t) => {
  const server = await startRedisServer(t);
  const uses = startUses(t, { mode: 'server', url: server.url });
  await uses.isUp();
  await server.admin.call('REPLICAOF', '127.0.0.1', '1');
  for (let request = 0; request < 60; request += 1) {
    await uses.exercise();
    await sleep(20);
  }
  t.true(uses.metrics.value(failures, { use: 'limits', reason: 'readonly' }) > 0);
  t.is(uses.metrics.value(useUp, { use: 'limits' }), 0);
  t.is(uses.metrics.value(useUp, { use: 'revocations' }), 1);
  const { status, detail = '' } = await uses.health();
  t.is(status, 'degraded');
  t.regex(detail, /^failing: .*limits \(READONLY\)/);
  const said = uses.lines.map(({ message, use }) => JSON.stringify([message, use]));
  t.is(new Set(said).size, said.length, `each line once: ${said.join('; ')}`);
  t.false(said.some((line) => line.includes('redis is lost')));
  await server.admin.call('REPLICAOF', 'NO', 'ONE');
  await uses.isUp();
  const before = uses.metrics.value(decisions, { backend: 'redis' });
  await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), before + 1);
});

test('LOADING: health is down and names it; the server is used when it has loaded', async (t) => {
  const server = await startRedisServer(t, ['--enable-debug-command', 'yes']);
  const uses = startUses(t, { mode: 'server', url: server.url });
  await uses.isUp();
  await server.admin.call('DEBUG', 'POPULATE', '3000');
  // Each key takes a millisecond to load, and replies are sent in between.
  await server.admin.config('SET', 'key-load-delay', '1000');
  await server.admin.config('SET', 'loading-process-events-interval-bytes', '1024');
  const loaded = server.admin.call('DEBUG', 'RELOAD');
  await eventually(async () => (await uses.health()).detail?.startsWith('LOADING') === true, 'health names LOADING');
  t.is((await uses.health()).status, 'down');
  await uses.exercise();
  t.true(uses.metrics.value(failures, { use: 'limits', reason: 'loading' }) > 0);
  t.true(uses.metrics.value(decisions, { backend: 'memory' }) > 0);
  await loaded;
  await uses.isUp();
});

test('a command that does not exist on the server (renamed by the operator) has its own kind', async (t) => {
  const server = await startRedisServer(t, ['--rename-command', 'EVAL', '', '--rename-command', 'EVALSHA', '']);
  const uses = startUses(t, { mode: 'server', url: server.url });
  await eventually(() => uses.metrics.value(failures, { use: 'limits', reason: 'unknown_command' }) > 0, 'refused');
  await uses.exercise();
  t.is(
    (await uses.health()).detail,
    'failing: limits (UNKNOWN_COMMAND), cache_write (UNKNOWN_COMMAND), credits (UNKNOWN_COMMAND)',
  );
});

test('a server that asks for a password: health is down with NOAUTH', async (t) => {
  const server = await startRedisServer(t);
  await server.admin.config('SET', 'requirepass', 'secret');
  const uses = startUses(t, { mode: 'server', url: server.url });
  await eventually(async () => /NOAUTH/.test((await uses.health()).detail ?? ''), 'health names NOAUTH');
  await uses.exercise();
  t.is((await uses.health()).status, 'down');
});

test('the parts of a URL: percent-encoding, IPv6, default port, encryption, and no parameters', (t) => {
  t.deepEqual(accountOf('rediss://us%40er:p%2Fa%3Ass@h/3'), { username: 'us@er', password: 'p/a:ss', db: 3, tls: {} });
  t.deepEqual(accountOf('redis://:only@h'), { password: 'only' });
  t.deepEqual(accountOf(undefined), {});
  t.deepEqual(endpointOf('redis://[::1]'), { host: '::1', port: 6379 });
  t.deepEqual(endpointOf('redis://s.example', 26_379), { host: 's.example', port: 26_379 });
});
