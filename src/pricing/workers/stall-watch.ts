import type { ProcessUsage } from './process-usage.ts';

/** What the system says of a process; undefined if it does not say. */
type ReadUsage = () => ProcessUsage | undefined;

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
  readonly usage: ReadUsage;
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
/** A process that waits for a processor gets this many times the usual time. */
const waitTolerance = 6;

/**
 * Whether a process got less than half of the time on a processor and wants more. Then it is late because of other
 * processes. @param first its usage `milliseconds` ago
 */
const isStarved = (first: ProcessUsage | undefined, now: ProcessUsage | undefined, milliseconds: number): boolean =>
  first !== undefined && now !== undefined && now.wantsToRun && now.processorMs - first.processorMs < milliseconds / 2;

/**
 * Checks ten times per `stallMs` whether a process makes progress. It counts checks and does not measure time: if the
 * service and its processes were frozen together, no process must count as stalled afterwards. A starved process gets more
 * checks.
 */
export const watchForStall = (options: StallWatchOptions): StallWatch => {
  const { stallMs, isWorking, maxRowMs, usage, onSuspicion, onStall } = options;
  const lookMs = stallMs / looks;
  let quiet = 0;
  let suspected = false;
  let atFirst: ProcessUsage | undefined;
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
    if (quiet >= allowed && (quiet >= waitTolerance * allowed || !isStarved(atFirst, usage(), quiet * lookMs)))
      onStall();
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

export type CancelWatchOptions = {
  /** Time for the process to end the cancelled task. It grows when slow rows of other tasks are measured. A starved process gets more. */
  readonly graceMs: () => number;
  readonly hasEnded: () => boolean;
  readonly usage: ReadUsage;
  /** Called if the process has not ended the task in time. */
  readonly onIgnored: () => void;
};

/** Watches that a process ends a cancelled task. Stops by itself when it has ended. */
export const watchCancelled = ({ graceMs, hasEnded, usage, onIgnored }: CancelWatchOptions): void => {
  const first = usage();
  let waitedMs = 0;
  const wait = (milliseconds: number): void => {
    const look = (): void => {
      if (hasEnded()) return;
      waitedMs += milliseconds;
      const allowedMs = graceMs();
      if (waitedMs < allowedMs) wait(allowedMs - waitedMs);
      else if (waitedMs < waitTolerance * allowedMs && isStarved(first, usage(), waitedMs)) wait(allowedMs);
      else onIgnored();
    };
    setTimeout(look, milliseconds).unref();
  };
  wait(graceMs());
};
