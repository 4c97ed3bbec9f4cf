import { createBufferedListener } from '../buffered-listener.ts';
import type { TelemetrySignal } from './drop-counter.ts';

/** The begin or the end of a time in which exports of a signal fail. */
type Outage = {
  readonly signal: TelemetrySignal;
  /** Absent at the begin. */
  readonly durationMs?: number;
};
export type OutageListener = (outage: Outage) => void;

export type Outages = {
  /** Returns what an exporter of this signal calls with the result of each export. */
  readonly watch: (signal: TelemetrySignal) => (succeeded: boolean) => void;
  readonly subscribe: (listener: OutageListener) => void;
};

const maxWaitingOutages = 10;

/** Reports the first failed export of an exporter, and the first one that succeeds after it. */
export const createOutages = (monotonicMs: () => number = () => performance.now()): Outages => {
  const outages = createBufferedListener<Outage>(maxWaitingOutages);
  return {
    watch: (signal) => {
      let beganMs: number | undefined;
      return (succeeded) => {
        if (!succeeded && beganMs === undefined) {
          beganMs = monotonicMs();
          outages.report({ signal });
        } else if (succeeded && beganMs !== undefined) {
          const durationMs = Math.round(monotonicMs() - beganMs);
          beganMs = undefined;
          outages.report({ signal, durationMs });
        }
      };
    },
    subscribe: outages.subscribe,
  };
};
