export type StallWatch = {
  /** Shows progress: must be called at each message from the process and at each task sent to it. */
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

/**
 * Checks ten times per `stallMs` whether a process makes progress. It counts checks and does not measure time: if the
 * service and its processes were frozen together, no process must count as stalled afterwards.
 */
export const watchForStall = (options: StallWatchOptions): StallWatch => {
  const { stallMs, isWorking, maxRowMs, onSuspicion, onStall } = options;
  const lookMs = stallMs / looks;
  let quiet = 0;
  let suspected = false;
  const alive = (): void => {
    quiet = 0;
    if (suspected) onSuspicion(false);
    suspected = false;
  };
  const look = (): void => {
    if (!isWorking()) return alive();
    quiet += 1;
    const allowed = looks + Math.ceil((rowTolerance * maxRowMs()) / lookMs);
    if (quiet >= allowed - looks / 2 && !suspected) {
      suspected = true;
      onSuspicion(true);
    }
    if (quiet === allowed) onStall();
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
