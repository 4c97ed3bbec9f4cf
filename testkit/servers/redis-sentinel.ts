import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '../eventually.ts';
import { startRedisServer, type RedisServer } from './redis-server.ts';

export type SentinelServers = {
  /** The primary at the start, and its replica. */
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** URLs of the sentinels. */
  readonly urls: readonly string[];
  readonly group: string;
  /** The port of the server that the sentinels name as primary now. */
  readonly primaryPort: () => Promise<number>;
  /** Whether all sentinels know a replica that can become the primary. */
  readonly hasGoodReplica: () => Promise<boolean>;
  /** Asks the sentinels to exchange primary and replica. */
  readonly failOver: () => Promise<void>;
};

const group = 'volwatch';
const downAfterMs = 600;

/** Starts a primary, a replica and three sentinels, two of which decide about a failover; removed on teardown. */
export const startSentinelServers = async (
  t: Pick<ExecutionContext, 'teardown'>,
  settings: readonly string[] = [],
): Promise<SentinelServers> => {
  const primary = await startRedisServer(t, settings);
  const replica = await startRedisServer(t, ['--replicaof', `127.0.0.1 ${primary.port}`, ...settings]);
  const isInStep = async (): Promise<boolean> => /master_link_status:up/.test(await replica.admin.info('replication'));
  await eventually(isInStep, 'the replica has the data of the primary', 30_000);

  const startSentinel = async (): Promise<{ readonly url: string; readonly admin: Redis }> => {
    const directory = mkdtempSync(join(tmpdir(), 'volwatch-sentinel-'));
    const port = await freePort();
    const file = join(directory, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor ${group} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${group} ${downAfterMs}`,
      `sentinel failover-timeout ${group} 6000`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const child: ChildProcess = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    const admin = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: 500, enableReadyCheck: false });
    admin.on('error', () => {});
    t.teardown(async () => {
      admin.disconnect();
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(directory, { recursive: true, force: true });
    });
    await admin.ping();
    return { url: `redis://127.0.0.1:${port}`, admin };
  };
  const sentinels = await Promise.all([startSentinel(), startSentinel(), startSentinel()]);
  const knowsOthers = async ({ admin }: { readonly admin: Redis }): Promise<boolean> => {
    const state = await admin.call('SENTINEL', 'MASTER', group);
    const fields = state as string[];
    const field = (name: string): string => String(fields[fields.indexOf(name) + 1]);
    return field('num-other-sentinels') === '2' && field('num-slaves') === '1';
  };
  const knowsGoodReplica = async ({ admin }: { readonly admin: Redis }): Promise<boolean> => {
    const [fields = []] = (await admin.call('SENTINEL', 'REPLICAS', group)) as string[][];
    const field = (name: string): string => String(fields[fields.indexOf(name) + 1]);
    return field('flags') === 'slave' && field('master-link-status') === 'ok';
  };
  const allKnow = async (): Promise<boolean> => (await Promise.all(sentinels.map(knowsOthers))).every(Boolean);
  await eventually(allKnow, 'the sentinels know each other and the replica', 30_000);
  return {
    primary,
    replica,
    urls: sentinels.map(({ url }) => url),
    group,
    hasGoodReplica: async () => (await Promise.all(sentinels.map(knowsGoodReplica))).every(Boolean),
    failOver: async () => {
      await sentinels[0].admin.call('SENTINEL', 'FAILOVER', group);
    },
    primaryPort: async () => {
      const [, port] = (await sentinels[0].admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group)) as string[];
      return Number(port);
    },
  };
};
