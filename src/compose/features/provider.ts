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

type Provider = {
  readonly provider: MarketDataProvider;
  readonly checks: readonly HealthCheck[];
  readonly close: () => Promise<void>;
};

const connectTimeoutMs = 3_000;

type Compose = (base: Base, cache: Cache, redis: RedisConnection | undefined) => Provider;

const composeSample: Compose = () => ({
  provider: createSampleFileProvider({ directory: sampleDataDirectory }),
  checks: [],
  close: async () => {},
});

/** Twelve Data with its resilience policy. */
const composeTwelveData: Compose = ({ config, logger, metrics, clock }, cache, redis) => {
  const { PROVIDER_TIMEOUT_MS: timeoutMs, TWELVE_DATA_API_KEY: apiKey } = config;
  if (apiKey === undefined) throw new Error('The configuration was accepted without TWELVE_DATA_API_KEY');
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
    redis: redis?.client,
    clock,
  });
  const twelveData = createTwelveData({ http, policy, credits, timeoutMs, clock });
  return {
    provider: createFallbackProvider({ provider: twelveData, cache, logger }),
    checks: [twelveData.healthCheck],
    close: http.close,
  };
};

/** A provider that can be configured must have an entry here. */
const providers: Readonly<Record<Base['config']['MARKET_DATA_PROVIDER'], Compose>> = {
  sample: composeSample,
  twelve_data: composeTwelveData,
};

/** The configured provider of market prices. */
export const composeProvider: Compose = (base, cache, redis) =>
  providers[base.config.MARKET_DATA_PROVIDER](base, cache, redis);
