export { createCache } from './cache.ts';
export { createRedis, withoutRedis, type RedisConnection } from './client.ts';
export type { RedisAddress } from './connection/redis-address.ts';
export { createCredits } from './credits.ts';
export { createFeed } from './feed.ts';
