import { trace } from '@opentelemetry/api';
import { availableParallelism } from 'node:os';
import type { HealthCheck } from '../kernel/health.ts';
import type { Route } from '../kernel/route.ts';
import { createEngineFactory } from '../pricing/engine-factory.ts';
import type { Closes } from '../pricing/forecast/closes.ts';
import { createForecastRoutes } from '../pricing/forecast/routes.ts';
import { createPricingService, type PricingService } from '../pricing/pricing-service.ts';
import { createPricingRoutes } from '../pricing/routes.ts';
import { createPricingWorkers } from '../pricing/workers/pool.ts';
import type { Base } from './base.ts';

export type PricingParts = {
  readonly routes: readonly Route[];
  readonly service: PricingService;
  readonly check: HealthCheck;
  readonly close: () => Promise<void>;
};

/** Pricing with its worker threads; one processor is left to the event loop. */
export const composePricing = (
  { config, clock, metrics, faults, logger, abuse }: Base,
  closes: Closes,
): PricingParts => {
  const workers = createPricingWorkers({
    tracer: trace.getTracer('volwatch.pricing'),
    metrics,
    logger,
    faults,
    threads: config.PRICING_WORKERS ?? Math.max(1, availableParallelism() - 1),
    queueLimit: config.PRICING_QUEUE_LIMIT,
    stallMs: config.PRICING_STALL_MS,
  });
  const engines = createEngineFactory();
  const service = createPricingService({ engines, clock, metrics, faults, logger, abuse, workers, closes });
  return {
    service,
    routes: [
      ...createPricingRoutes({ service, jsonDepth: config.JSON_DEPTH_LIMIT }),
      ...createForecastRoutes({ closes }),
    ],
    check: workers.healthCheck,
    close: workers.close,
  };
};
