import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import { createCache, type RedisConnection } from '../../redis/index.ts';
import type { Base } from '../base.ts';

const secondMs = 1_000;

/**
 * All instances with the same signing key and version share the cache. The version matters, because entries can change
 * with it.
 */
export const composeCache = async (
  { config, build, faults, logger, metrics, clock }: Base,
  redis: RedisConnection | undefined,
  keyRing: KeyRing,
): Promise<ReturnType<typeof createCache>> =>
  createCache({
    redis,
    secret: await derivedSecret(keyRing.signing, `cache ${build.version}`),
    ttlMs: config.CACHE_TTL_SECONDS * secondMs,
    staleMs: config.CACHE_STALE_SECONDS * secondMs,
    memoryBytes: config.CACHE_MEMORY_BYTES,
    redisBytes: config.CACHE_REDIS_BYTES,
    faults,
    logger,
    metrics,
    clock,
  });
