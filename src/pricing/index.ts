export { assertArrowStream } from './arrow/assert-arrow-stream.ts';
export { totalsOf } from './batch/batch-tally.ts';
export type { Closes } from './forecast/closes.ts';
export { createForecastRoutes } from './forecast/forecast-routes.ts';
export { createEngineFactory } from './models/engine-factory.ts';
export { createPricingRoutes } from './pricing-routes.ts';
export { createPricingService, type PricingService } from './pricing-service.ts';
export { createPricingWorkers } from './workers/pool.ts';
export { reportAbuse } from './request/failures.ts';
