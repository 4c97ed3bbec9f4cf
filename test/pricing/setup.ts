import { noFaults, type Faults } from '#src/kernel/faults.ts';
import { systemClock } from '#src/kernel/clock.ts';
import type { LogFields, Logger } from '#src/kernel/logger.ts';
import type { Route } from '#src/kernel/route.ts';
import { createEngineFactory } from '#src/pricing/engine-factory.ts';
import { pricingModels, type Model } from '#src/pricing/models.ts';
import { createPricingService } from '#src/pricing/pricing-service.ts';
import { createPricingRoutes } from '#src/pricing/routes.ts';
import { recordMetrics } from '#test/support/metrics.ts';

export const call = {
  spot: 42,
  strike: 40,
  time_to_expiry: 0.5,
  rate: 0.1,
  volatility: 0.2,
  option_type: 'call',
} as const;

export const [blackScholes] = pricingModels as [Model];

type Line = { readonly level: 'warn' | 'error'; readonly fields: LogFields };

/** The pricing room as compose wires it, with its metrics and its warnings in memory. */
export const setup = ({
  models = pricingModels,
  faults = noFaults,
}: { models?: readonly Model[]; faults?: Faults } = {}) => {
  const metrics = recordMetrics();
  const lines: Line[] = [];
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: (fields) => lines.push({ level: 'warn', fields }),
    error: (fields) => lines.push({ level: 'error', fields }),
  };
  const service = createPricingService({
    engines: createEngineFactory({ models }),
    clock: systemClock,
    metrics,
    faults,
    logger,
  });
  const options = (labels: Record<string, string>): number => metrics.value('volwatch_pricing_options_total', labels);
  return { service, metrics, lines, options, routes: createPricingRoutes({ service }) };
};

export const routeOf = (routes: readonly Route[], path: string): Route => routes.find((route) => route.path === path)!;
