import type { Steps } from '#src/kernel/streams/turns.ts';

/** Work on one series takes steps of some milliseconds, because a series can have 50,000 bars, and one step for all of them takes 0.1 s. */
const itemsOfStep = 250;

/** Calls `work` for each item, and ends a step after some of them. */
export const eachInSteps = function* <T>(items: Iterable<T>, work: (item: T, index: number) => void): Steps {
  let index = 0;
  for (const item of items) {
    if (index % itemsOfStep === 0) yield;
    work(item, index);
    index += 1;
  }
};

/** The results of `work`, without those that are undefined. */
export const mapInSteps = function* <T, Result>(
  items: Iterable<T>,
  work: (item: T, index: number) => Result | undefined,
): Steps<Result[]> {
  const results: Result[] = [];
  yield* eachInSteps(items, (item, index) => {
    const result = work(item, index);
    if (result !== undefined) results.push(result);
  });
  return results;
};
