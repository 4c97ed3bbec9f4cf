import { trace } from '@opentelemetry/api';
import { availableParallelism } from 'node:os';
import type { NearestOf } from '../../kernel/lists/near-names.ts';
import { memoryLimit } from '../../kernel/memory/memory-limit.ts';
import type { HealthCheck } from '../../kernel/ports/health.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import type { Route } from '../../kernel/requests/route.ts';
import {
  type Closes,
  createCalibrationRoutes,
  createCalibrator,
  createEngineFactory,
  createForecaster,
  createForecastRoutes,
  createPricingRoutes,
  createPricingService,
  createPricingWorkers,
  largeTextsIn,
  type PricingService,
} from '../../pricing/index.ts';
import type { SettingsOfCaller } from '../identity/caller-settings.ts';
import { displayHeaders, wantsDisplayHints } from '../../kernel/requests/preferences/display-hints.ts';
import { callerOf } from '../../kernel/requests/caller.ts';
import type { Base } from '../base.ts';
import { callerLimits } from '../caller-limits.ts';

export type PricingParts = {
  readonly routes: readonly Route[];
  readonly service: PricingService;
  readonly check: HealthCheck;
  readonly close: () => Promise<void>;
};

/** Returns the caller that the work of the current request counts for. */
const callerOfRequest = (): string => {
  const request = currentRequest();
  return request === undefined ? 'service' : callerOf(request);
};

/** Pricing with its worker processes. By default one processor stays free for the event loop. */
export const composePricing = (
  base: Base,
  { closes, nearestAsset }: { readonly closes: Closes; readonly nearestAsset: NearestOf },
  settings: SettingsOfCaller,
): PricingParts => {
  const { config, clock, metrics, faults, logger, abuse } = base;
  const processes = config.PRICING_WORKERS ?? Math.max(1, availableParallelism() - 1);
  const tracer = trace.getTracer('volwatch.pricing');
  const workers = createPricingWorkers({
    tracer,
    metrics,
    logger,
    faults,
    processes,
    longProcesses: config.PRICING_LONG_WORKERS ?? Math.ceil(processes / 2),
    shortWorkMs: config.PRICING_SHORT_MS,
    largeTexts: largeTextsIn(memoryLimit(), processes),
    heapMegabytes: config.PRICING_WORKER_HEAP_MB,
    queueLimit: config.PRICING_QUEUE_LIMIT,
    queueBytes: config.PRICING_QUEUE_BYTES,
    callerLimit: callerLimits(config).tasks,
    arriving: base.unfinishedAnswers,
    stallMs: config.PRICING_STALL_MS,
  });
  const engines = createEngineFactory({ site: 'event_loop' });
  const service = createPricingService({
    engines,
    clock,
    metrics,
    faults,
    logger,
    workers,
    closes,
    nearestAsset,
    abuse,
    callerOf: callerOfRequest,
    defaultsOf: settings.of,
    maxWorkMs: config.REQUEST_DEADLINE_MS,
  });
  const forecaster = createForecaster({
    closes,
    nearestAsset,
    workers,
    tracer,
    metrics,
    logger,
    abuse,
    callerOf: callerOfRequest,
    maxWorkMs: config.REQUEST_DEADLINE_MS,
  });
  const calibrator = createCalibrator({
    workers,
    tracer,
    clock,
    metrics,
    faults,
    logger,
    abuse,
    callerOf: callerOfRequest,
    maxWorkMs: config.REQUEST_DEADLINE_MS,
    jsonDepth: config.JSON_DEPTH_LIMIT,
  });
  return {
    service,
    routes: [
      ...createPricingRoutes({
        service,
        jsonDepth: config.JSON_DEPTH_LIMIT,
        display: async (prefer) => {
          const found = wantsDisplayHints(prefer) ? await settings.of() : undefined;
          return found ? displayHeaders(found) : {};
        },
      }),
      ...createCalibrationRoutes({ calibrator }),
      ...createForecastRoutes({ forecaster }),
    ],
    check: workers.healthCheck,
    close: workers.close,
  };
};
