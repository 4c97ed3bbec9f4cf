import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { trace } from '@opentelemetry/api';
import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import { noFaults, type Faults } from '#src/kernel/catalogue/faults.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { NearestOf } from '#src/kernel/lists/near-names.ts';
import type { LogFields, Logger } from '#src/kernel/ports/logger.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { GivenBatch } from '#src/pricing/batch/prepared-batch.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createCalibrator } from '#src/pricing/calibration/calibrator.ts';
import { createCalibrationRoutes } from '#src/pricing/calibration/calibration-routes.ts';
import { createForecaster } from '#src/pricing/forecast/forecaster.ts';
import type { Closes } from '#src/pricing/forecast/closes.ts';
import { pricingModels, type Model } from '#src/pricing/models/models.ts';
import { createPricingService } from '#src/pricing/pricing-service.ts';
import { createPricingRoutes } from '#src/pricing/pricing-routes.ts';
import { createPricingWorkers, type PricingWorkersDeps } from '#src/pricing/workers/pool.ts';
import { recordMetrics } from '#testkit/metrics.ts';

export const call = {
  spot: 42,
  strike: 40,
  time_to_expiry: 0.5,
  rate: 0.1,
  volatility: 0.2,
  option_type: 'call',
} as const;

export const [blackScholes] = pricingModels as [Model];

const jsonRequest = { input: 'json', answer: ['json', 'arrow'], jsonDepth: 20 } as const;

type Counts = { readonly total_count: number; readonly succeeded: number; readonly failed: number };
type BatchAnswer = Counts & {
  readonly results: readonly Readonly<Record<string, unknown>>[];
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
  readonly errors: readonly {
    readonly index: number;
    readonly code: string;
    readonly field?: string;
    readonly detail: string;
  }[];
};

type Line = { readonly level: 'info' | 'warn' | 'error'; readonly fields: LogFields };

/** The pricing room as compose wires it, with its metrics and its log in memory. */
export const setup = ({
  models = pricingModels,
  faults = noFaults,
  workers: workerOptions = {},
  closes = async () => [],
  nearestAsset = async () => undefined,
  defaults,
  defaultsOf = async () => defaults,
}: {
  /** The settings of the user who calls. */
  defaults?: PricingDefaults;
  defaultsOf?: () => Promise<PricingDefaults | undefined>;
  models?: readonly Model[];
  faults?: Faults;
  workers?: Partial<PricingWorkersDeps>;
  closes?: Closes;
  nearestAsset?: NearestOf;
} = {}) => {
  const metrics = recordMetrics();
  const lines: Line[] = [];
  const logger: Logger = {
    debug: () => {},
    info: (fields) => lines.push({ level: 'info', fields }),
    warn: (fields) => lines.push({ level: 'warn', fields }),
    error: (fields) => lines.push({ level: 'error', fields }),
  };
  /** Refusals that were reported as abuse. */
  const refusals: { readonly kind: AbuseKind; readonly clientIp: string | undefined }[] = [];
  const workers = createPricingWorkers({
    tracer: trace.getTracer('volwatch.pricing'),
    metrics,
    logger,
    faults,
    processes: 1,
    queueLimit: 4,
    stallMs: 60_000,
    ...workerOptions,
  });
  const pricing = createPricingService({
    engines: createEngineFactory({ models, site: 'event_loop' }),
    clock: systemClock,
    metrics,
    faults,
    logger,
    abuse: { refused: (kind, clientIp) => refusals.push({ kind, clientIp }) },
    workers,
    closes,
    nearestAsset,
    callerOf: () => 'caller',
    defaultsOf,
    maxWorkMs: 30_000,
  });
  const forecaster = createForecaster({
    closes,
    nearestAsset,
    workers,
    tracer: trace.getTracer('volwatch.pricing'),
    metrics,
    logger,
    abuse: { refused: (kind, clientIp) => refusals.push({ kind, clientIp }) },
    callerOf: () => 'caller',
    maxWorkMs: 30_000,
  });
  const calibrator = createCalibrator({
    workers,
    tracer: trace.getTracer('volwatch.pricing'),
    clock: systemClock,
    metrics,
    faults,
    logger,
    abuse: { refused: (kind, clientIp) => refusals.push({ kind, clientIp }) },
    callerOf: () => 'caller',
    maxWorkMs: 30_000,
    jsonDepth: jsonRequest.jsonDepth,
  });
  const send = async (request: Partial<GivenBatch> & Pick<GivenBatch, 'bytes'>, signal?: AbortSignal) =>
    Buffer.concat((await pricing.batch({ ...jsonRequest, ...request }, signal && { signal })).chunks);
  const service = {
    ...pricing,
    /** A batch of JSON, there and back. */
    batch: async (body: unknown, signal?: AbortSignal): Promise<BatchAnswer> =>
      JSON.parse((await send({ bytes: Buffer.from(JSON.stringify(body)) }, signal)).toString()) as BatchAnswer,
    send,
  };
  const options = (labels: Record<string, string>): number => metrics.value('volwatch_pricing_options_total', labels);
  const routes = createPricingRoutes({ service: pricing, jsonDepth: jsonRequest.jsonDepth, display: async () => ({}) });
  const [calibrationRoute] = createCalibrationRoutes({ calibrator });
  return {
    service,
    calibrator,
    calibrationRoute: calibrationRoute!,
    forecaster,
    workers,
    metrics,
    lines,
    refusals,
    options,
    routes,
  };
};

export const routeOf = (routes: readonly Route[], path: string): Route => routes.find((route) => route.path === path)!;
