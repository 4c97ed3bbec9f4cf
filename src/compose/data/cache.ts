import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import { createCache, type RedisConnection } from '../../redis/index.ts';
import type { Base } from '../base.ts';

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
