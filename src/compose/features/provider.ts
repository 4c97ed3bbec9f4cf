import type { Config } from '../../config/index.ts';
import type { Cache } from '../../kernel/ports/cache.ts';
import type { Dependency, HealthCheck } from '../../kernel/ports/health.ts';
import type { Policy } from '../../kernel/ports/policy.ts';
import {
  createFallbackProvider,
  createSampleFileProvider,
  createTwelveData,
  createTwelveDataHttp,
  type MarketDataProvider,
  type SeriesSource,
  sampleDataDirectory,
} from '../../market-data/index.ts';
import { createCredits, type RedisConnection } from '../../redis/index.ts';
import { createPolicy } from '../../resilience/index.ts';
import type { Base } from '../base.ts';

type Provider = {
  readonly provider: MarketDataProvider;
  /** The providers of universes that name their source. */
  readonly providers: Partial<Readonly<Record<SeriesSource, MarketDataProvider>>>;
  readonly checks: readonly HealthCheck[];
  readonly close: () => Promise<void>;
};

type ComposeProvider = (base: Base, cache: Cache, redis: RedisConnection | undefined) => Omit<Provider, 'providers'>;

export const connectTimeoutMs = 3_000;

/** The policy that all calls to a dependency over HTTP share. */
export const composePolicy = ({ config, logger, metrics, clock }: Base, dependency: Dependency): Policy =>
  createPolicy({
    dependency,
    attemptTimeoutMs: Math.ceil(config.PROVIDER_TIMEOUT_MS / (config.PROVIDER_RETRIES + 1)),
    retries: config.PROVIDER_RETRIES,
    breaker: { failures: config.BREAKER_FAILURES, resetMs: config.BREAKER_RESET_MS },
    bulkhead: { concurrent: 4, waiting: 16 },
    logger,
    metrics,
    clock,
  });

const composeSample: ComposeProvider = () => ({
  provider: createSampleFileProvider({ directory: sampleDataDirectory }),
  checks: [],
  close: async () => {},
});

const composeTwelveData: ComposeProvider = (base, cache, redis) => {
  const { config, logger, clock } = base;
  const apiKey = config.TWELVE_DATA_API_KEY;
  if (apiKey === undefined) throw new Error('The configuration has no TWELVE_DATA_API_KEY');
  const http = createTwelveDataHttp({ baseUrl: config.TWELVE_DATA_BASE_URL, apiKey, connectTimeoutMs });
  const credits = createCredits({
    name: 'twelve_data',
    perMinute: config.TWELVE_DATA_CREDITS_PER_MINUTE,
    redis,
    clock,
  });
  const twelveData = createTwelveData({
    http,
    policy: composePolicy(base, 'twelve_data'),
    credits,
    timeoutMs: config.PROVIDER_TIMEOUT_MS,
    clock,
  });
  return {
    provider: createFallbackProvider({ provider: twelveData, cache, logger }),
    checks: [twelveData.healthCheck],
    close: http.close,
  };
};

/** A value of MARKET_DATA_PROVIDER without an entry here does not compile. */
const providers: Readonly<Record<Config['MARKET_DATA_PROVIDER'], ComposeProvider>> = {
  sample: composeSample,
  twelve_data: composeTwelveData,
};

/** The provider of market prices with its resilience policy. */
export const composeProvider = (base: Base, cache: Cache, redis: RedisConnection | undefined): Provider => {
  const composed = providers[base.config.MARKET_DATA_PROVIDER](base, cache, redis);
  const sample = createSampleFileProvider({ directory: sampleDataDirectory });
  return { ...composed, providers: { sample, [composed.provider.source]: composed.provider } };
};
