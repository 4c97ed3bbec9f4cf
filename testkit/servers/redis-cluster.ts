import type { ExecutionContext } from 'ava';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '../eventually.ts';
import { startRedisServer, type RedisServer } from './redis-server.ts';

export type RedisClusterServers = {
  /** The three primaries, each with a third of the slots. */
  readonly primaries: readonly RedisServer[];
  /** The replica of the first primary. */
  readonly replica: RedisServer;
  readonly urls: readonly string[];
};

const slots = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

/** Starts a cluster of three primaries and a replica of the first; removed on teardown. */
export const startRedisCluster = async (
  t: Pick<ExecutionContext, 'teardown'>,
  settings: readonly string[] = [],
): Promise<RedisClusterServers> => {
  const startNode = async (): Promise<RedisServer & { readonly busPort: number }> => {
    const busPort = await freePort();
    const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '1000'];
    return { ...(await startRedisServer(t, [...cluster, ...settings])), busPort };
  };
  const nodes = await Promise.all([startNode(), startNode(), startNode(), startNode()]);
  const [first, second, third, replica] = nodes;
  const primaries = [first, second, third];
  await Promise.all(
    primaries.map(({ admin }, index) => admin.call('CLUSTER', 'ADDSLOTSRANGE', ...slots[index]!.map(String))),
  );
  for (const { port, busPort } of nodes.slice(1)) {
    await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPort));
  }
  const info = async ({ admin }: RedisServer): Promise<string> => String(await admin.call('CLUSTER', 'INFO'));
  const isJoined = async (): Promise<boolean> =>
    (await Promise.all(nodes.map(info))).every((text) => /state:ok/.test(text) && /known_nodes:4/.test(text));
  await eventually(isJoined, 'the nodes have formed a cluster', 30_000);
  const firstId = String(await first.admin.call('CLUSTER', 'MYID'));
  await replica.admin.call('CLUSTER', 'REPLICATE', firstId);
  const isReplica = async (): Promise<boolean> => /master_link_status:up/.test(await replica.admin.info('replication'));
  await eventually(isReplica, 'the replica has the data of its primary', 30_000);
  // A node that does not know the replica yet would not let it take over.
  const knowsReplica = async ({ admin }: RedisServer): Promise<boolean> =>
    String(await admin.call('CLUSTER', 'NODES')).includes(`slave ${firstId}`);
  await eventually(
    async () => (await Promise.all(nodes.map(knowsReplica))).every(Boolean),
    'all nodes know the replica',
  );
  return { primaries, replica, urls: primaries.map(({ url }) => url) };
};
