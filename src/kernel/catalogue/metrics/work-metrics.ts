import { errorCodes } from '../errors.ts';
import { calibrationStopReasons, forecastMethods, modelNames, returnReasons } from '../pricing-models.ts';
import { chunkOperations, namesOf, pricingOperations } from '../operations.ts';
import { longDurationBuckets, type MetricDeclaration } from './declaration.ts';

const pricingModels = [...modelNames, 'unknown'] as const;
const pricingOperationNames = namesOf(pricingOperations);

/** Pricing and refreshes. */
export const workMetrics = {
  volwatch_pricing_duration_seconds: {
    type: 'histogram',
    help: 'Duration of pricing operations in seconds',
    // A batch may hold rows of several models.
    labels: { operation: pricingOperationNames, model: [...pricingModels, 'mixed'] },
    buckets: longDurationBuckets,
  },
  volwatch_pricing_options_total: {
    type: 'counter',
    help: 'Options priced by operation, model and outcome',
    labels: { operation: pricingOperationNames, model: pricingModels, outcome: ['ok', 'invalid', 'failed'] },
  },
  volwatch_pricing_solver_iterations: {
    type: 'histogram',
    help: 'Steps of the solver per implied volatility',
    labels: { model: pricingModels },
    buckets: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128],
  },
  volwatch_pricing_failed_items_total: {
    type: 'counter',
    help: 'Rows of answered batches that were not priced, by error code',
    labels: { code: errorCodes },
  },
  volwatch_pricing_not_converged_total: {
    type: 'counter',
    help: 'Calculations whose numerical method did not converge, by model',
    labels: { model: pricingModels },
  },
  volwatch_pricing_calibrations_total: {
    type: 'counter',
    help: 'Calibrations that were answered, by the reason why the fit ended',
    labels: { stop_reason: calibrationStopReasons },
  },
  volwatch_pricing_calibration_evaluations: {
    type: 'histogram',
    help: 'Number of points at which a calibration calculated the prices of all quotes',
    labels: {},
    buckets: [5, 10, 20, 40, 80, 160, 320, 640, 1_280],
  },
  volwatch_forecast_duration_seconds: {
    type: 'histogram',
    help: 'Duration of volatility forecasts in seconds, with the wait for a pricing process',
    labels: { method: forecastMethods, outcome: ['ok', 'failed'] },
    buckets: longDurationBuckets,
  },
  volwatch_pricing_chunk_duration_seconds: {
    type: 'histogram',
    help: 'Duration of storing and pricing chunks of pricing jobs in seconds. removed: the chunk is not wanted any more; no_room: it waits again',
    labels: { operation: namesOf(chunkOperations), outcome: ['ok', 'refused', 'failed', 'removed', 'no_room'] },
    buckets: longDurationBuckets,
  },
  volwatch_pricing_batch_size: {
    type: 'histogram',
    help: 'Rows in a pricing batch',
    labels: { format: ['objects', 'columns', 'arrow', 'grid'] },
    buckets: [1, 10, 100, 1_000, 10_000, 100_000],
  },
  volwatch_pricing_moved_total: {
    type: 'counter',
    help: 'Prices and batches that took longer on the event loop than estimated, so that a pricing process began them again',
    labels: { operation: ['price', 'greeks', 'implied_volatility', 'batch', 'grid'] },
  },
  volwatch_workers_queue_size: {
    type: 'gauge',
    help: 'Pricing tasks that wait for a worker process',
    labels: {},
  },
  volwatch_workers_busy: {
    type: 'gauge',
    help: 'Worker processes that are pricing',
    labels: {},
  },
  volwatch_workers_task_duration_seconds: {
    type: 'histogram',
    help: 'Duration of tasks of the pricing processes in seconds, with the wait for a process',
    labels: { lane: ['short', 'medium', 'long'], outcome: ['ok', 'refused', 'failed'] },
    buckets: longDurationBuckets,
  },
  volwatch_workers_returned_total: {
    type: 'counter',
    help: 'Tasks that a pricing process returned, so that another place began them again. estimate: before the first row; time, row: slower than estimated; answer: its answer became longer than estimated',
    labels: { reason: returnReasons },
  },
  volwatch_workers_restarts_total: {
    type: 'counter',
    help: 'Worker processes that ended before their time and were replaced',
    labels: {},
  },
  volwatch_workers_start_failures_total: {
    type: 'counter',
    help: 'Worker processes that the system did not start, for example without a free file descriptor. A lane tries again after a second',
    labels: {},
  },
  volwatch_refresh_duration_seconds: {
    type: 'histogram',
    help: 'Duration of refreshes in seconds',
    labels: { universe: 'caller', outcome: ['succeeded', 'succeeded_with_quarantine', 'rolled_back', 'failed'] },
    ends: 'forgotten',
    buckets: longDurationBuckets,
  },
  volwatch_refresh_rows_total: {
    type: 'counter',
    help: 'Rows written by committed refreshes',
    labels: { kind: ['assets', 'prices', 'index_values'] },
  },
  volwatch_prices_quarantined_total: {
    type: 'counter',
    help: 'Fetched bars held back because they are not believed',
    labels: { universe: 'caller' },
    ends: 'forgotten',
  },
  volwatch_upload_bytes_total: {
    type: 'counter',
    help: 'Bytes of uploaded files, after decompression',
    labels: {},
  },
  volwatch_upload_rows_total: {
    type: 'counter',
    help: 'Rows of uploaded files. Of a file that fails, only the refused rows count',
    labels: { outcome: ['written', 'held_back', 'refused'] },
  },
  volwatch_uploads_total: {
    type: 'counter',
    help: 'Uploaded files. refused: the file is the reason; failed: the connection or the service is',
    labels: { universe: 'caller', outcome: ['stored', 'refused', 'failed'] },
    ends: 'forgotten',
  },
  volwatch_series_replaced_total: {
    type: 'counter',
    help: 'Series whose stored history was replaced, because the provider restated it or the source changed',
    labels: { reason: ['restated', 'source_changed'] },
  },
  volwatch_series_fetched_total: {
    type: 'counter',
    help: 'Series fetched from a provider. end: new bars and an overlap; whole: the whole history; changed: the whole history, because the overlap differed from what is stored',
    labels: { extent: ['end', 'whole', 'changed'] },
  },
  volwatch_index_calculations_total: {
    type: 'counter',
    help: 'Indexes of committed refreshes by the days that were calculated: all, those from a changed day on, or none',
    labels: { extent: ['all', 'tail', 'none'] },
  },
  volwatch_index_constituents_left_out_total: {
    type: 'counter',
    help: 'Constituents that an index lacked at the end of a refresh, because their price or shares are not known, or their series has another interval',
    labels: { universe: 'caller', reason: ['no_price', 'no_shares', 'other_interval'] },
    ends: 'forgotten',
  },
  volwatch_universes: {
    type: 'gauge',
    help: 'Universes by who defines them',
    labels: { origin: ['api', 'file', 'bundled'] },
  },
  volwatch_universe_assets: {
    type: 'gauge',
    help: 'Assets at the last check. stale: no bar of the expected day; missing: no bar at all',
    labels: { universe: 'caller', state: ['fresh', 'stale', 'missing'] },
    ends: 'replaced',
  },
  volwatch_universe_missing_bars: {
    type: 'gauge',
    help: 'Bars that are missing on trading days of the exchange, at the last check. recent: of the last 30 days',
    labels: { universe: 'caller', age: ['recent', 'older'] },
    ends: 'replaced',
  },
  volwatch_universe_held_back_prices: {
    type: 'gauge',
    help: 'Bars that the last committed refresh held back',
    labels: { universe: 'caller' },
    ends: 'replaced',
  },
  volwatch_refresh_schedule_period_seconds: {
    type: 'gauge',
    help: 'Time between the last scheduled refresh and the next one. Universes without a schedule have no series',
    labels: { universe: 'caller' },
    ends: 'replaced',
  },
  volwatch_refresh_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last committed refresh',
    labels: { universe: 'caller' },
    ends: 'forgotten',
  },
} as const satisfies Record<string, MetricDeclaration>;
