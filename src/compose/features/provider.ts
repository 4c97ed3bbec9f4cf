import type { Cache } from '../../kernel/ports/cache.ts';
import type { HealthCheck } from '../../kernel/ports/health.ts';
import {
  createFallbackProvider,
  createSampleFileProvider,
  createTwelveData,
  createTwelveDataHttp,
  type MarketDataProvider,
  sampleDataDirectory,
} from '../../market-data/index.ts';
import { createCredits, type RedisConnection } from '../../redis/index.ts';
import { createPolicy } from '../../resilience/index.ts';
import type { Base } from '../base.ts';

export type Provider = {
  readonly provider: MarketDataProvider;
  readonly checks: readonly HealthCheck[];
  readonly close: () => Promise<void>;
};

const connectTimeoutMs = 3_000;

/** The provider of market prices with its resilience policy. */
export const composeProvider = (
  { config, logger, metrics, clock }: Base,
  cache: Cache,
  redis: RedisConnection | undefined,
): Provider => {
  const apiKey = config.TWELVE_DATA_API_KEY;
  if (config.MARKET_DATA_PROVIDER === 'sample' || apiKey === undefined) {
    const provider = createSampleFileProvider({ directory: sampleDataDirectory });
    return { provider, checks: [], close: async () => {} };
  }
  const timeoutMs = config.PROVIDER_TIMEOUT_MS;
  const http = createTwelveDataHttp({ baseUrl: config.TWELVE_DATA_BASE_URL, apiKey, connectTimeoutMs });
  const policy = createPolicy({
    dependency: 'twelve_data',
    attemptTimeoutMs: Math.ceil(timeoutMs / (config.PROVIDER_RETRIES + 1)),
    retries: config.PROVIDER_RETRIES,
    breaker: { failures: config.BREAKER_FAILURES, resetMs: config.BREAKER_RESET_MS },
    bulkhead: { concurrent: 4, waiting: 16 },
    logger,
    metrics,
    clock,
  });
  const credits = createCredits({
    name: 'twelve_data',
    perMinute: config.TWELVE_DATA_CREDITS_PER_MINUTE,
    redis,
    clock,
  });
  const twelveData = createTwelveData({ http, policy, credits, timeoutMs, clock });
  return {
    provider: createFallbackProvider({ provider: twelveData, cache, logger }),
    checks: [twelveData.healthCheck],
    close: http.close,
  };
};
