import { setTimeout as sleep } from 'node:timers/promises';

/** Much above the difference between the cases that must look alike, and above the usual time of the work. */
const stepMs = 100;

/**
 * Runs `work` and waits until a multiple of `stepMs` has passed since the start, also after an error. Small differences of
 * the work are then not visible in the time of the answer.
 */
export const atEvenTimes = async <T>(work: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    await sleep(stepMs - ((performance.now() - startedAt) % stepMs));
  }
};
