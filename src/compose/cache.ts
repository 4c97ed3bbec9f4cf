import { derivedSecret } from '../auth/derived-secret.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import { createCache } from '../redis/cache.ts';
import type { RedisConnection } from '../redis/client.ts';
import type { Base } from './base.ts';

const secondMs = 1_000;

/** Shared by all instances that sign with the same key and are of the same version: entries of another may look different. */
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
    faults,
    logger,
    metrics,
    clock,
  });
