/** Why spans were lost: the label `reason` of `volwatch_telemetry_dropped_total`. */
export type DropReason = 'queue_full' | 'export_failed' | 'shutdown';
export type DropListener = (reason: DropReason, spans: number) => void;

/** What `--import ./src/telemetry/preload.ts` started, for the process that it was loaded into. */
export type TelemetryRuntime = {
  readonly enabled: boolean;
  /** Whether spans leave the process. */
  readonly exporting: boolean;
  /** Whether a sampled parent makes its children recorded: false under `always_off` and plain `traceidratio`. */
  readonly recordsChildren: boolean;
  /** Sends what is queued; resolves after `timeoutMs` at the latest, and never rejects. */
  readonly forceFlush: (timeoutMs: number) => Promise<void>;
  /** Sends what is queued and stops; spans left after `timeoutMs` count as dropped. Never rejects; a second call does nothing. */
  readonly shutdown: (timeoutMs: number) => Promise<void>;
  /** Tells the listener of every loss, those before this call included. */
  readonly onDropped: (listener: DropListener) => void;
  /** Names of the instrumentation scopes that start a recorded span inside `work`, which gets a trace of its own that is never exported. */
  readonly scopesSeenDuring: (work: () => Promise<void>) => Promise<ReadonlySet<string>>;
};

const off: TelemetryRuntime = {
  enabled: false,
  exporting: false,
  recordsChildren: false,
  forceFlush: async () => {},
  shutdown: async () => {},
  onDropped: () => {},
  scopesSeenDuring: async (work) => {
    await work();
    return new Set();
  },
};

let current: TelemetryRuntime = off;

/**
 * The running telemetry, or one that does nothing. Module state on purpose: the preload runs before the composition
 * root exists, and OpenTelemetry's own API is process-wide just the same.
 */
export const telemetryRuntime = (): TelemetryRuntime => current;

/** For the preload only. */
export const setTelemetryRuntime = (runtime: TelemetryRuntime): void => {
  current = runtime;
};
