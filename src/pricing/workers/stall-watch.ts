export type StallWatch = {
  /** The process has done something. */
  readonly alive: () => void;
  readonly stop: () => void;
};

export type StallWatchOptions = {
  /** Milliseconds without a sign of life after which a process at work counts as stalled. */
  readonly stallMs: number;
  /** Whether anything is expected of the process. */
  readonly isWorking: () => boolean;
  /** Milliseconds that one row may take, during which no sign of life is possible. */
  readonly maxRowMs: () => number;
  /** Half of the time has passed, or there is a sign of life again. */
  readonly onSuspicion: (suspected: boolean) => void;
  readonly onStall: () => void;
};

const looks = 10;
/** On a busy machine a row may take some times its estimate. */
const rowTolerance = 5;

/**
 * Looks ten times within `stallMs` whether a process gets on. Looks are counted, not time: a service that was frozen
 * wakes together with its processes, and blames none of them.
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
