import type { ProcessUsage } from './process-usage.ts';

export type StallWatch = {
  /**
   * Shows progress: must be called at each message from the process, at each task sent to it, and when it has taken a part
   * of a body.
   */
  readonly alive: () => void;
  readonly stop: () => void;
};

export type StallWatchOptions = {
  /** Milliseconds without progress after which a working process counts as stalled. */
  readonly stallMs: number;
  /** Whether the process has work, so that it must show progress. */
  readonly isWorking: () => boolean;
  /** Estimated milliseconds of the slowest row. The process cannot show progress inside a row. */
  readonly maxRowMs: () => number;
  /** What the system says of the process; undefined if it does not say. */
  readonly usage: () => ProcessUsage | undefined;
  /**
   * Called with true half of `stallMs` before the process counts as stalled, and with false when it shows progress
   * again.
   */
  readonly onSuspicion: (suspected: boolean) => void;
  readonly onStall: () => void;
};

/** Checks per `stallMs`. */
const looks = 10;
/** On a busy machine a row may take several times its estimate. */
const rowTolerance = 5;
/** A process that waits for a processor gets this many times the usual number of checks. */
const waitTolerance = 6;

/**
 * Checks ten times per `stallMs` whether a process makes progress. It counts checks and does not measure time: if the
 * service and its processes were frozen together, no process must count as stalled afterwards. A process that wants to
 * run and got less than half of the time on a processor is late because of other processes, so it gets more checks.
 */
export const watchForStall = (options: StallWatchOptions): StallWatch => {
  const { stallMs, isWorking, maxRowMs, usage, onSuspicion, onStall } = options;
  const lookMs = stallMs / looks;
  let quiet = 0;
  let suspected = false;
  let atFirst: ProcessUsage | undefined;
  const isStarved = (): boolean => {
    const now = usage();
    if (now === undefined || atFirst === undefined || !now.wantsToRun) return false;
    return now.processorMs - atFirst.processorMs < (quiet * lookMs) / 2;
  };
  const alive = (): void => {
    quiet = 0;
    if (suspected) onSuspicion(false);
    suspected = false;
  };
  const look = (): void => {
    if (!isWorking()) return alive();
    quiet += 1;
    if (quiet === 1) atFirst = usage();
    const allowed = looks + Math.ceil((rowTolerance * maxRowMs()) / lookMs);
    if (quiet >= allowed - looks / 2 && !suspected) {
      suspected = true;
      onSuspicion(true);
    }
    if (quiet >= allowed && (quiet >= waitTolerance * allowed || !isStarved())) onStall();
  };
  const timer = setInterval(look, lookMs).unref();
  return {
    alive,
    stop: () => {
      clearInterval(timer);
      if (suspected) onSuspicion(false);
    },
  };
};
