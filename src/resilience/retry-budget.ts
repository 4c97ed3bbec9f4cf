/** Limits the retries of all callers of a dependency together. */
export type RetryBudget = {
  /** Counts a call. Call it before the first attempt. */
  readonly called: () => void;
  readonly succeeded: () => void;
  /** Takes one retry from the budget; false if the budget is empty. */
  readonly take: () => boolean;
};

const capacity = 5;
const retriesPerCall = 0.05;

/**
 * Without a success, `n` calls have at most `5 + n / 20` retries. From a hundred calls on this is at most 1.1 attempts
 * for each call. A success adds one retry, so that rare failures do not exhaust the budget.
 */
export const createRetryBudget = (): RetryBudget => {
  let tokens = capacity;
  const add = (amount: number): void => {
    tokens = Math.min(capacity, tokens + amount);
  };
  return {
    called: () => add(retriesPerCall),
    succeeded: () => add(1),
    take: () => {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
};
