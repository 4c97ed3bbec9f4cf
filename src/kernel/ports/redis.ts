import type { Cluster, Redis } from 'ioredis';

/**
 * What Redis is used for. Each use has a fall-back of its own, so each is probed and reported by itself. Closed set: the
 * label `use` of the metrics.
 */
export const redisUses = ['limits', 'cache_read', 'cache_write', 'invalidations', 'revocations', 'credits'] as const;
export type RedisUse = (typeof redisUses)[number];

/**
 * The kinds of failure. Apart from `timeout` and `not_connected` they are error replies, named by the first word of the
 * reply. Closed set: the label `reason`.
 */
export const redisReasons = [
  'noperm',
  'noauth',
  'wrongpass',
  'unknown_command',
  'readonly',
  'loading',
  'moved',
  'clusterdown',
  'crossslot',
  'oom',
  'misconf',
  'noreplicas',
  'masterdown',
  'busy',
  'timeout',
  'not_connected',
  'other',
] as const;
export type RedisReason = (typeof redisReasons)[number];

/** How the service is connected. `none`: Redis is not configured. */
export const redisModes = ['none', 'server', 'cluster', 'sentinel'] as const;
export type RedisMode = (typeof redisModes)[number];

export type RedisClient = Redis | Cluster;

/** One use of Redis, which falls back while its commands fail. */
export type RedisGate = {
  /** False while Redis is not connected, and from the first failed command until the probe of this use has succeeded. */
  readonly works: () => boolean;
  /**
   * Runs a command and records a failure.
   * @param key the key or channel of the command. In a cluster, the probe is sent to the node of this key
   * @throws the error of the command
   */
  readonly run: <T>(key: string, command: () => Promise<T>) => Promise<T>;
};

/**
 * Sends the same commands as the use, with the same permissions, but without an effect on its data.
 * @param tag in a cluster, a key with `{tag}` is on the node whose command failed
 */
export type RedisProbe = (tag: string) => Promise<unknown>;

/** The shared connection, as features use it. */
export type SharedRedis = {
  /** Each command has a timeout, and fails immediately while Redis is not connected. */
  readonly client: RedisClient;
  /** Registers a use. Its probe runs after each connect, and repeatedly while the use fails. */
  readonly use: (use: RedisUse, probe: RedisProbe) => RedisGate;
};
