import { randomUUID } from 'node:crypto';
import type { InstrumentationName } from '../config/index.ts';
import type { DropListener } from './export/drop-counter.ts';
import type { OutageListener } from './export/outages.ts';
import type { LogLine } from './logs/otlp/log-record.ts';
import type { MetricSource } from './metrics/otlp/metric-export.ts';
import type { SdkMessageListener } from './tracing/sdk-messages.ts';

/** The telemetry that `--import ./src/telemetry/preload.ts` started in this process. */
export type TelemetryRuntime = {
  readonly enabled: boolean;
  /** Whether spans are exported. */
  readonly exporting: boolean;
  readonly serviceName: string;
  /** The name of this process: `service.instance.id` of spans, `service_instance_id` of log lines and `target_info`. */
  readonly instanceId: string;
  readonly instrumentations: ReadonlySet<InstrumentationName>;
  /** Whether the children of a sampled parent are recorded. False for `always_off` and `traceidratio`. */
  readonly recordsChildren: boolean;
  /** Queues a line of the log for OTLP. Undefined unless OTEL_LOGS_EXPORTER asks for it. */
  readonly exportLine: ((line: LogLine) => void) | undefined;
  /** Begins to export metrics over OTLP, if OTEL_METRICS_EXPORTER asks for it. */
  readonly startMetricExport: (source: MetricSource) => void;
  /** Must be called before the dependencies that `collect` of the source asks are closed. Exports go on without it. */
  readonly stopMetricCollection: () => void;
  /** Exports the queued spans and lines, and the metrics. Resolves after `timeoutMs` at the latest, and never rejects. */
  readonly forceFlush: (timeoutMs: number) => Promise<void>;
  /**
   * Exports the queued spans and lines and the metrics, and stops. What is not exported after `timeoutMs` counts as
   * dropped. Never rejects; a second call does nothing.
   */
  readonly shutdown: (timeoutMs: number) => Promise<void>;
  /** Calls the listener for all lost items, also for those before this call. */
  readonly onDropped: (listener: DropListener) => void;
  /** Calls the listener when exports of a signal begin to fail, and when they succeed again. */
  readonly onOutage: (listener: OutageListener) => void;
  /** Calls the listener for all messages of the SDK, also for those before this call. */
  readonly onMessage: (listener: SdkMessageListener) => void;
  /**
   * Runs `work` in a separate trace that is not exported, and returns the names of the instrumentation scopes that
   * start a recorded span in it.
   */
  readonly recordScopes: (work: () => Promise<void>) => Promise<ReadonlySet<string>>;
};

/** A runtime that does nothing. It has a name too, because log lines and metrics have it. */
export const createIdleRuntime = (serviceName: string, instanceId: string): TelemetryRuntime => ({
  enabled: false,
  exporting: false,
  serviceName,
  instanceId,
  instrumentations: new Set(),
  recordsChildren: false,
  exportLine: undefined,
  startMetricExport: () => {},
  stopMetricCollection: () => {},
  forceFlush: async () => {},
  shutdown: async () => {},
  onDropped: () => {},
  onOutage: () => {},
  onMessage: () => {},
  recordScopes: async (work) => {
    await work();
    return new Set();
  },
});

let current: TelemetryRuntime = createIdleRuntime('volwatch', randomUUID());

/**
 * Returns the running telemetry, or one that does nothing. This is module state, because the preload runs before the
 * composition root exists, and the API of OpenTelemetry is process-wide too.
 */
export const telemetryRuntime = (): TelemetryRuntime => current;

/** Only the preload calls this. */
export const setTelemetryRuntime = (runtime: TelemetryRuntime): void => {
  current = runtime;
};
