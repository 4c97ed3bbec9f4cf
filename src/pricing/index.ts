/*
 * Pricing. The steps of a batch, in order:
 *
 * 1. `pricing-routes.ts` takes the body as bytes; `batch/accept.ts` chooses the formats.
 * 2. `batch/batch.ts` decides where the batch is priced, and reports its outcome.
 * 3. `workers/pool.ts` queues a large batch as a task, and `workers/lanes/lane.ts` sends it to a process (`workers/channel`,
 *    `workers/protocol.ts`). There `workers/serve.ts` receives it, and `workers/open-task.ts` does steps 4 to 8. A small
 *    batch goes through the same steps in the service.
 * 4. `batch/prepare-batch.ts` makes a `PreparedBatch` of the bytes: `batch/batch-shape.ts` checks limits before a parser
 *    runs, then `batch/batch-objects.ts`, or `batch/columns/columns-json.ts` or `arrow/read-columns.ts` and `batch/columns/batch-columns.ts`.
 * 5. `models/cost.ts` estimates the work. Too much work is refused, or goes to the lane for long work.
 * 6. `batch/slices.ts` prices the rows in slices of about 4 ms.
 * 7. `batch/batch-tally.ts` counts the rows by outcome, and `batch/text-chunks.ts` collects the answer.
 * 8. `outcomeSteps` in `workers/protocol.ts` makes the `BatchOutcome`, which goes back to step 2.
 *
 * A job is a pricing job of a user; a task is a batch, a forecast or a calibration that a process works on.
 */
export { assertArrowStream } from './arrow/assert-arrow-stream.ts';
export { totalsOf } from './batch/batch-tally.ts';
export { createCalibrationRoutes } from './calibration/calibration-routes.ts';
export { createCalibrator } from './calibration/calibrator.ts';
export type { Closes } from './forecast/closes.ts';
export { createForecaster } from './forecast/forecaster.ts';
export { createForecastRoutes } from './forecast/forecast-routes.ts';
export { createEngineFactory } from './models/engine-factory.ts';
export { createPricingRoutes } from './pricing-routes.ts';
export { createPricingService, type PricingService } from './pricing-service.ts';
export { largeTextsIn } from './workers/lanes/large-texts.ts';
export { createPricingWorkers } from './workers/pool.ts';
export { presetValues } from './request/preset-values.ts';
export { reportAbuse } from './request/failures.ts';
