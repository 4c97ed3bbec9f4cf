import { crc32 } from 'node:zlib';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { CacheKey, CacheName } from '#src/kernel/ports/cache.ts';
import type { RedisClient } from '#src/kernel/ports/redis.ts';

export type SharedEntriesDeps = {
  /** Max bytes of all entries in Redis. */
  readonly maxBytes: number;
  /** Older entries are removed. */
  readonly maxAgeMs: number;
  readonly metrics: Pick<Metrics, 'count' | 'set'>;
};

export type SharedEntries = {
  /** The Redis hash that has the entry as a field. */
  readonly partOf: (key: CacheKey, name: string) => string;
  /** Stores an entry under `name`, and removes the oldest ones of its part that have no room beside it. One that is larger than its part removes its predecessor. */
  readonly write: (client: RedisClient, key: CacheKey, name: string, sealed: string) => Promise<void>;
};

/**
 * The share of each cache in the bytes, so that the pages that callers ask for cannot remove the data of providers. In a cluster a part is on one node,
 * so caches with many entries have several. An entry is at most as large as its part.
 */
const shares: Readonly<Record<CacheName, { readonly share: number; readonly parts: number }>> = {
  prices: { share: 1 / 2, parts: 8 },
  index_values: { share: 1 / 8, parts: 2 },
  index_explanations: { share: 1 / 8, parts: 1 },
  provider: { share: 1 / 4, parts: 1 },
};

/** In a cluster `{tag}` puts the two keys of a part on one node, as a script requires. */
const entriesOf = (tag: string): string => `volwatch:cache:entries:{${tag}}`;
const orderOf = (tag: string): string => `volwatch:cache:order:{${tag}}`;

/**
 * The first key is a hash of the entries and the sum of their sizes (`bytes`), the second one has their names in the order of their age. The size of an
 * entry has a quarter more, because the allocator rounds up, and 256 bytes for the structures.
 *
 * The first command can be refused for lack of memory. Later ones of a script that has written are not refused, so the sum stays right. If the server
 * has lost one of the two keys, or a command in the middle was refused, the part is begun anew.
 */
const writeScript = `
  local entries, order, name, value = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
  local max_bytes, max_age, seconds = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
  local function size(member, length) return math.ceil(1.25 * (2 * #member + length)) + 256 end
  local added = size(name, #value)
  local bytes = redis.call('HINCRBY', entries, 'bytes', 0)
  if redis.call('HLEN', entries) ~= redis.call('ZCARD', order) + 1 then
    redis.call('DEL', entries, order)
    bytes = 0
  end
  local function remove(member)
    local length = redis.call('HSTRLEN', entries, member)
    if redis.call('HDEL', entries, member) == 1 then bytes = bytes - size(member, length) end
    redis.call('ZREM', order, member)
  end
  remove(name)
  if added > max_bytes then
    if redis.call('ZCARD', order) == 0 then redis.call('DEL', entries) else redis.call('HSET', entries, 'bytes', bytes) end
    return false
  end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local evicted = 0
  while true do
    local oldest = redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')
    local expired = oldest[1] and tonumber(oldest[2]) < now - max_age
    if not oldest[1] or not expired and bytes + added <= max_bytes then break end
    remove(oldest[1])
    if not expired then evicted = evicted + 1 end
  end
  bytes = bytes + added
  redis.call('HSET', entries, name, value, 'bytes', bytes)
  redis.call('ZADD', order, now, name)
  redis.call('EXPIRE', entries, seconds)
  redis.call('EXPIRE', order, seconds)
  return { bytes, evicted }`;

/** The keys of a probe expire after this time. */
const probeMs = 60_000;

type Written = readonly [bytes: number, evicted: number];

type Write = {
  /** Of a part: its entries, and their order. */
  readonly keys: readonly [entries: string, order: string];
  readonly name: string;
  readonly value: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
};

/** @returns null if the entry is larger than the part */
const runScript = async (client: RedisClient, write: Write): Promise<Written | null> => {
  const { keys, name, value, maxBytes, maxAgeMs } = write;
  const bounds = [maxBytes, maxAgeMs, Math.ceil(maxAgeMs / 1_000)];
  return (await client.eval(writeScript, 2, ...keys, name, value, ...bounds)) as Written | null;
};

/** Reads as the cache does, but no entry. */
export const probeReadOfEntry = (client: RedisClient, tag: string): Promise<unknown> =>
  client.hget(entriesOf(tag), 'probe');

/** Runs the commands of a write, but with keys that no entry has. */
export const probeWriteOfEntry = (client: RedisClient, tag: string): Promise<unknown> => {
  const keys = [`volwatch:cache:probe:entries:{${tag}}`, `volwatch:cache:probe:order:{${tag}}`] as const;
  return runScript(client, { keys, name: 'probe', value: '1', maxBytes: 1_024, maxAgeMs: probeMs });
};

/**
 * Entries in Redis within a budget of bytes, because the same memory has the counters of limits, which are refused when it is full. The oldest ones
 * make room for new ones. See docs/decisions/0356.
 */
export const createSharedEntries = ({ maxBytes, maxAgeMs, metrics }: SharedEntriesDeps): SharedEntries => {
  /** The bytes of each part after the last write of this process. */
  const bytesOf = new Map<string, number>();

  const tagOf = ({ cache }: CacheKey, name: string): string => `${cache}-${crc32(name) % shares[cache].parts}`;

  const report = (cache: CacheName, tag: string, [bytes, evicted]: Written): void => {
    bytesOf.set(tag, bytes);
    let sum = 0;
    for (let part = 0; part < shares[cache].parts; part += 1) sum += bytesOf.get(`${cache}-${part}`) ?? 0;
    metrics.set('volwatch_cache_shared_bytes', { cache }, sum);
    metrics.count('volwatch_cache_evicted_total', { cache }, evicted);
  };

  return {
    partOf: (key, name) => entriesOf(tagOf(key, name)),
    write: async (client, key, name, sealed) => {
      const { share, parts } = shares[key.cache];
      const tag = tagOf(key, name);
      const written = await runScript(client, {
        keys: [entriesOf(tag), orderOf(tag)],
        name,
        value: sealed,
        maxBytes: Math.floor((maxBytes * share) / parts),
        maxAgeMs,
      });
      if (written) report(key.cache, tag, written);
    },
  };
};
