/** Decides whether one more attempt may be made, over all callers of a dependency. */
export type RetryBudget = {
  /** Each call that is made, before its first attempt. */
  readonly called: () => void;
  readonly succeeded: () => void;
  /** Takes the right to one retry; false when there is none left. */
  readonly take: () => boolean;
};

const capacity = 5;
const perCall = 0.05;

/**
 * While nothing succeeds, `n` calls get at most `5 + n / 20` retries: from a hundred calls on, at most 1.1 attempts a
 * call. Each success gives one retry back, so that a dependency that only stumbles now and then is retried fully.
 */
export const createRetryBudget = (): RetryBudget => {
  let tokens = capacity;
  const give = (amount: number): void => {
    tokens = Math.min(capacity, tokens + amount);
  };
  return {
    called: () => give(perCall),
    succeeded: () => give(1),
    take: () => {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
};
