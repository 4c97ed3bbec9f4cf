import { control, type WorkerTask } from './protocol.ts';

export type ProgressOptions = {
  /** Milliseconds without progress after which a thread at work counts as stalled. */
  readonly stallMs: number;
  /** Half of that has passed. */
  readonly onSuspicion: () => void;
  readonly onProgress: () => void;
  readonly onStall: () => void;
};

const looks = 10;

/**
 * Looks ten times within `stallMs` whether the thread at work on `task` gets on. Looks are counted, not time: a process
 * that was frozen wakes with its threads, and blames none of them.
 * @returns ends it
 */
export const watchProgress = ({ control: cells }: WorkerTask, options: ProgressOptions): (() => void) => {
  let seen = 0;
  let quiet = 0;
  const look = (): void => {
    if (Atomics.load(cells, control.started) === 0) return;
    const progress = Atomics.load(cells, control.progress);
    if (progress !== seen) {
      if (quiet >= looks / 2) options.onProgress();
      seen = progress;
      quiet = 0;
      return;
    }
    quiet += 1;
    if (quiet === looks / 2) options.onSuspicion();
    if (quiet === looks) options.onStall();
  };
  const timer = setInterval(look, options.stallMs / looks).unref();
  return () => clearInterval(timer);
};
