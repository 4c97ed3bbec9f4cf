import type { Config } from '../../config/index.ts';
import type { Cache } from '../../kernel/ports/cache.ts';
import type { Dependency, HealthCheck } from '../../kernel/ports/health.ts';
import type { Policy } from '../../kernel/ports/policy.ts';
import {
  createFallbackProvider,
  createSampleFileProvider,
  createTiingo,
  createTiingoHttp,
  createTwelveData,
  createTwelveDataHttp,
  type MarketDataProvider,
  type SeriesSource,
  sampleDataDirectory,
} from '../../market-data/index.ts';
import { createCredits, type RedisConnection } from '../../redis/index.ts';
import { createPolicy } from '../../resilience/index.ts';
import type { Base } from '../base.ts';

/** A provider with what belongs to it. */
type Composed = {
  readonly provider: MarketDataProvider;
  readonly checks: readonly HealthCheck[];
  readonly close: () => Promise<void>;
};

type Provider = Composed & {
  /** The providers of universes that name their source. */
  readonly providers: Partial<Readonly<Record<SeriesSource, MarketDataProvider>>>;
};

/** Undefined: the provider has no key. */
type ComposeProvider = (base: Base, cache: Cache, redis: RedisConnection | undefined) => Composed | undefined;

export const connectTimeoutMs = 3_000;

/** The policy that all calls to a dependency over HTTP share. `bulkhead`: its calls at once, and those that wait. */
export const composePolicy = (
  { config, logger, metrics, clock }: Base,
  dependency: Dependency,
  bulkhead = { concurrent: 4, waiting: 16 },
): Policy =>
  createPolicy({
    dependency,
    attemptTimeoutMs: Math.ceil(config.PROVIDER_TIMEOUT_MS / (config.PROVIDER_RETRIES + 1)),
    retries: config.PROVIDER_RETRIES,
    breaker: { failures: config.BREAKER_FAILURES, resetMs: config.BREAKER_RESET_MS },
    bulkhead,
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
  if (apiKey === undefined) return undefined;
  const http = createTwelveDataHttp({ baseUrl: config.TWELVE_DATA_BASE_URL, apiKey, connectTimeoutMs });
  const credits = createCredits({
    name: 'twelve_data',
    max: config.TWELVE_DATA_CREDITS_PER_MINUTE,
    period: 'minute',
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

const composeTiingo: ComposeProvider = (base, cache, redis) => {
  const { config, logger, clock } = base;
  const apiKey = config.TIINGO_API_KEY;
  if (apiKey === undefined) return undefined;
  const http = createTiingoHttp({ baseUrl: config.TIINGO_BASE_URL, apiKey, connectTimeoutMs });
  const credits = createCredits({
    name: 'tiingo',
    max: config.TIINGO_REQUESTS_PER_HOUR,
    period: 'hour',
    redis,
    clock,
  });
  const tiingo = createTiingo({
    http,
    policy: composePolicy(base, 'tiingo'),
    credits,
    timeoutMs: config.PROVIDER_TIMEOUT_MS,
    clock,
  });
  return {
    provider: createFallbackProvider({ provider: tiingo, cache, logger }),
    checks: [tiingo.healthCheck],
    close: http.close,
  };
};

/** A value of MARKET_DATA_PROVIDER without an entry here does not compile. */
const composers: Readonly<Record<Config['MARKET_DATA_PROVIDER'], ComposeProvider>> = {
  sample: composeSample,
  twelve_data: composeTwelveData,
  tiingo: composeTiingo,
};

/** All providers that have what they need, each with its resilience policy. A universe can name each of them. */
export const composeProvider = (base: Base, cache: Cache, redis: RedisConnection | undefined): Provider => {
  const name = base.config.MARKET_DATA_PROVIDER;
  const all = Object.values(composers).flatMap((compose) => compose(base, cache, redis) ?? []);
  const providers = Object.fromEntries(all.map(({ provider }) => [provider.source, provider]));
  const provider = providers[name];
  if (!provider) throw new Error(`The configuration has no key for the provider ${name}`);
  return {
    provider,
    providers,
    checks: all.flatMap(({ checks }) => checks),
    close: async () => {
      await Promise.all(all.map(({ close }) => close()));
    },
  };
};
