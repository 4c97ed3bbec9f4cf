import { mkdirSync } from 'node:fs';
import { Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import { openTelemetryNotices, type Config } from '../config/index.ts';
import { systemClock, type Clock } from '../kernel/ports/clock.ts';
import { createPublicUrl, type PublicUrl } from './public-url.ts';
import type { AbuseReport } from '../kernel/catalogue/abuse.ts';
import { createByteCount, type ByteCount } from '../kernel/memory/byte-count.ts';
import { createRequestMemory, type RequestMemory } from '../kernel/memory/request-memory.ts';
import type { Metrics } from '../kernel/catalogue/metrics.ts';
import {
  type AddressHash,
  createAbuseReport,
  createAddressHash,
  createDropReport,
  createFaults,
  createKeptTraces,
  createLogger,
  createMetrics,
  type FaultControl,
  type FlushableLogger,
  telemetryRuntime,
  type TelemetryRuntime,
} from '../telemetry/index.ts';

/** Path prefix of all routes without `atRoot`. */
export const basePath = '/api/v1';

/** Values that all parts need. */
export type Base = {
  readonly config: Config;
  readonly production: boolean;
  readonly clock: Clock;
  readonly logger: FlushableLogger;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly abuse: AbuseReport;
  readonly addressHash: AddressHash;
  readonly faults: FaultControl;
  /** Answers that arrive from pricing processes, and exports of accounts that are made. */
  readonly unfinishedAnswers: ByteCount;
  readonly requestMemory: RequestMemory;
  readonly telemetry: TelemetryRuntime;
  readonly publicUrl: PublicUrl;
  readonly build: { readonly version: string; readonly commit: string; readonly description: string };
};

export const composeBase = (config: Config): Base => {
  const production = config.NODE_ENV === 'production';
  if (!production) mkdirSync(config.VOLWATCH_DIRECTORY, { recursive: true });
  const build = { version: manifest.version, commit: config.GIT_COMMIT, description: manifest.description };
  const unfinishedAnswers = createByteCount();
  const telemetry = telemetryRuntime();
  const { serviceName, instanceId } = telemetry;
  const logger = createLogger({ level: config.LOG_LEVEL, instanceId, exportLine: telemetry.exportLine });
  const registry = new Registry();
  const metrics = createMetrics({
    registry,
    enabled: config.TELEMETRY_ENABLED,
    build,
    target: { serviceName, instanceId },
    isKept: createKeptTraces({
      percent: config.TRACES_KEPT_PERCENT,
      slowSeconds: config.TRACES_KEPT_FROM_MS / 1_000,
    }),
  });
  const requestMemory = createRequestMemory({ metrics });
  requestMemory.count('unfinished_answers', unfinishedAnswers.total);
  const faults = createFaults({ enabled: config.FAULT_INJECTION, metrics, logger });
  const dropped = createDropReport({ metrics, logger, clock: systemClock });
  const addressHash = createAddressHash();
  const abuse = createAbuseReport({ metrics, logger, clock: systemClock, addressHash });
  telemetry.onDropped(dropped);
  telemetry.onOutage(({ signal, durationMs }) => {
    if (durationMs === undefined) logger.warn({ signal }, 'exports of telemetry fail');
    else logger.info({ signal, duration_ms: durationMs }, 'exports of telemetry succeed again');
  });
  telemetry.onMessage(({ level, message }) => logger[level]({}, message));
  for (const { variable, message } of openTelemetryNotices()) logger.warn({ variable }, message);
  logger.onDropped((reason, lines) => dropped('logs', reason, lines));
  return {
    config,
    production,
    clock: systemClock,
    logger,
    registry,
    metrics,
    abuse,
    addressHash,
    faults,
    unfinishedAnswers,
    requestMemory,
    telemetry,
    publicUrl: createPublicUrl(config),
    build,
  };
};
