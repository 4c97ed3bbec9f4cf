import { startRedisCluster, type RedisClusterServers } from '#testkit/servers/redis-cluster.ts';
import { startSentinelServers, type SentinelServers } from '#testkit/servers/redis-sentinel.ts';
import type { Scope } from '#testkit/scope.ts';
import type { Topology } from './topology.ts';

/** The servers that cells can stop, and the variables of the service. `server` is in every world. */
export type RedisTopology = {
  readonly cluster?: RedisClusterServers;
  readonly sentinel?: SentinelServers;
  readonly environment: Readonly<Record<string, string>>;
};

export const startRedisTopology = async (scope: Scope, topology: Topology): Promise<RedisTopology> => {
  if (topology === 'cluster') {
    const cluster = await startRedisCluster(scope);
    return { cluster, environment: { REDIS_URL: '', REDIS_URLS: cluster.urls.join(',') } };
  }
  if (topology === 'sentinel') {
    const sentinel = await startSentinelServers(scope);
    const { urls, group } = sentinel;
    return {
      sentinel,
      environment: { REDIS_URL: '', REDIS_SENTINEL_URLS: urls.join(','), REDIS_SENTINEL_GROUP: group },
    };
  }
  return { environment: {} };
};
