import { createFairQueue, type Waiting } from './fair-queue.ts';

type LoopWork = Pick<Waiting, 'caller' | 'kind' | 'expectedMs'>;
type WaitingWork = Waiting & { readonly start: () => void };

export type LoopTurns = {
  /**
   * Runs `work` when it is its turn. One work at a time: it ends before the next one starts, so that each request waits
   * only for requests before it. Works of one caller keep their order, and callers take turns.
   */
  readonly run: <T>(facts: LoopWork, work: () => Promise<T>) => Promise<T>;
};

export type LoopTurnsOptions = {
  /** Lets the event loop do its other work. */
  readonly pause: () => Promise<unknown>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** The event loop does other work after this time. */
const turnMs = 4;
/** See `lane.ts`. */
const coldMs = 500;

/** Turns of the batches that the service prices on its own event loop. */
export const createLoopTurns = ({ pause, now = () => performance.now() }: LoopTurnsOptions): LoopTurns => {
  // The limits on batches in progress bound this queue.
  const queue = createFairQueue<WaitingWork>({ maxTasks: Infinity, maxBytes: Infinity });
  let isBusy = false;
  /** Time of work since the last pause. */
  let workedMs = 0;
  /** Time of all work. */
  let totalMs = 0;

  /** Starts the works that wait, one after the other. */
  const next = async (): Promise<void> => {
    if (workedMs >= turnMs) {
      workedMs = 0;
      await pause();
    }
    const waiting = queue.take();
    if (waiting === undefined) isBusy = false;
    else waiting.start();
  };

  return {
    run: async (facts, work) => {
      const { promise, resolve: start } = Promise.withResolvers<void>();
      const waiting: WaitingWork = { ...facts, bytes: 0, start };
      queue.add(waiting);
      if (isBusy) await promise;
      else queue.take();
      isBusy = true;
      const begun = now();
      try {
        return await work();
      } finally {
        const took = now() - begun;
        workedMs += took;
        // The code of the service is slow at first too, and no caller is charged for that.
        const countedMs = totalMs < coldMs ? Math.min(took, facts.expectedMs) : took;
        queue.charge(waiting, countedMs - facts.expectedMs);
        queue.pass(countedMs, [waiting]);
        totalMs += took;
        void next();
      }
    },
  };
};
