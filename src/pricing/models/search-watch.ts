import { SlowCalculation } from './slow-calculation.ts';
import { threadMs } from './thread-ms.ts';

/**
 * Called before each price of a search for a volatility.
 * @throws SlowCalculation if the search must end
 */
export type SearchLook = () => void;
export const noLook: SearchLook = () => {};

export type SearchWatch = {
  readonly look: SearchLook;
  /** The searches until the next call may take so many milliseconds of the processor together, from the first look of them. */
  readonly allow: (milliseconds: number) => void;
};

/**
 * Ends a search that takes very much longer than its estimate. Nothing else can interrupt a row, and the other tasks of the process
 * wait for it.
 */
export const createSearchWatch = (
  now: () => number = () => performance.now(),
  processorMs: () => number = threadMs,
): SearchWatch => {
  let allowedMs = Infinity;
  /** Known from the first look, because most rows have no search. */
  let endMs: number | undefined;
  /** The processor time cannot reach its end earlier. It takes a system call, which would double the time of a short price. */
  let nextLookAt = Infinity;
  return {
    allow: (milliseconds) => {
      allowedMs = milliseconds;
      endMs = undefined;
      nextLookAt = milliseconds === Infinity ? Infinity : -Infinity;
    },
    look: () => {
      if (now() < nextLookAt) return;
      const usedMs = processorMs();
      endMs ??= usedMs + allowedMs;
      const leftMs = endMs - usedMs;
      if (leftMs <= 0) throw new SlowCalculation('The search takes longer than its estimate');
      nextLookAt = now() + leftMs;
    },
  };
};
