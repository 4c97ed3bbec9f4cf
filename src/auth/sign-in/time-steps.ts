import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Milliseconds of one step. The step must be much longer than the difference between the cases that must look alike, and than
 * the usual work.
 */
const stepMs = 100;

const restOfStep = (startedAt: number): Promise<void> => sleep(stepMs - ((performance.now() - startedAt) % stepMs));

/**
 * Runs `work` and then waits until a multiple of `stepMs` has passed since the start, also after an error. A caller must not learn
 * from the time of the answer whether an account exists, and this hides small differences of the work. Limit: work that takes
 * longer than a multiple of `stepMs` in only one of the cases is answered a step later there, and this difference is visible.
 * @returns the result of `work`
 * @throws the error of `work`
 */
export const inTimeSteps = async <T>(work: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    await restOfStep(startedAt);
  }
};

/**
 * As `inTimeSteps`, but waits only after an error. For a sign-in: its success reveals nothing, and the refusals of known and unknown
 * accounts must look alike.
 */
export const refusalsInTimeSteps = async <T>(work: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now();
  try {
    return await work();
  } catch (error) {
    await restOfStep(startedAt);
    throw error;
  }
};
