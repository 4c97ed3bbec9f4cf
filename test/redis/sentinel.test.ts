import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';
import { decisions, failures, startUses } from './redis-uses.ts';
import { startSentinelServers } from '#testkit/servers/redis-sentinel.ts';

const start = async (t: ExecutionContext) => {
  const servers = await startSentinelServers(t);
  // The first sentinel of the list does not exist. The next one is asked.
  const urls = [`redis://127.0.0.1:${await freePort()}`, ...servers.urls];
  const uses = startUses(t, { mode: 'sentinel', urls, group: servers.group, serverUrl: undefined });
  await uses.isUp();
  return { ...servers, uses };
};

test.serial('the primary is found through the sentinels, and after its end the new primary', async (t) => {
  const { primary, replica, primaryPort, uses } = await start(t);
  for (let round = 0; round < 3; round += 1) await uses.exercise();
  t.true((await primary.admin.dbsize()) > 0);
  t.is(uses.metrics.value(failures), 0, JSON.stringify(uses.lines));
  t.is(uses.metrics.value('volwatch_redis_mode', { mode: 'sentinel' }), 1);
  await eventually(() => uses.received.length >= 3, 'the subscription is on the primary');
  await primary.stop();
  await eventually(async () => (await uses.health()).status === 'down', 'health shows the lost primary');
  await uses.limit();
  t.true(uses.metrics.value(decisions, { backend: 'memory' }) > 0);
  await eventually(async () => (await primaryPort()) === replica.port, 'the replica is the new primary', 30_000);
  await uses.isUp();
  const inMemory = uses.metrics.value(decisions, { backend: 'memory' });
  await replica.admin.flushall();
  await uses.exercise();
  t.is(uses.metrics.value(decisions, { backend: 'memory' }), inMemory);
  t.true((await replica.admin.dbsize()) > 0, 'commands are sent to the new primary');
  const received = uses.received.length;
  await eventually(() => {
    uses.feed.publish('["after the failover"]');
    return uses.received.length > received;
  }, 'the subscription is on the new primary');
  const lost = uses.lines.filter(({ message }) => message.startsWith('redis is lost'));
  t.is(lost.length, 1);
});

test.serial('a failover on command, while both servers run: no call fails', async (t) => {
  const { replica, primaryPort, uses, urls, group } = await start(t);
  const sentinel = new Redis(urls[0]!, { enableReadyCheck: false });
  t.teardown(() => sentinel.disconnect());
  await sentinel.call('SENTINEL', 'FAILOVER', group);
  await eventually(
    async () => {
      await uses.exercise();
      return (await primaryPort()) === replica.port;
    },
    'the replica is the new primary',
    30_000,
  );
  await uses.isUp();
  // The old primary may count for a moment, until the sentinels make it a replica and close its connections.
  await eventually(async () => {
    await uses.limit('198.51.100.9');
    return (await replica.admin.get('volwatch:rate-limit:ip:198.51.100.9')) !== null;
  }, 'the limiter uses the new primary');
  t.deepEqual(await uses.health(), { status: 'up' });
  t.true((await replica.admin.info('replication')).includes('role:master'));
});

test.serial('without a sentinel that answers the uses fall back, and one line says so', async (t) => {
  const urls = [`redis://127.0.0.1:${await freePort()}`];
  const uses = startUses(t, { mode: 'sentinel', urls, group: 'volwatch', serverUrl: undefined });
  await eventually(() => uses.lines.length > 0, 'the failure is logged');
  await uses.exercise();
  t.deepEqual(await uses.health(), {
    status: 'down',
    detail: 'not connected (NO_SENTINEL): limits and caches use the memory of the process',
  });
  t.is(uses.lines.length, 1);
});

test.serial('a group that the sentinels do not know is named as the cause', async (t) => {
  const { urls } = await startSentinelServers(t);
  const uses = startUses(t, { mode: 'sentinel', urls, group: 'another', serverUrl: undefined });
  await eventually(async () => /UNKNOWN_GROUP/.test((await uses.health()).detail ?? ''), 'health names the cause');
  await eventually(() => uses.lines.length > 0, 'the cause is logged');
  t.like(uses.lines[0], { reason: 'UNKNOWN_GROUP' });
});
