/** Timeout of a statement that removes rows that are due. Callers decide how many these are: a sign-in has thousands of tokens, and jobs some GiB. */
export const removalStatementMs = 600_000;

/**
 * Runs removals one after the other. A removal that fails keeps no other from running.
 * @param signal no removal begins after it is aborted
 * @returns the sum of their numbers of rows
 * @throws the error of the first one that failed, after the others were tried
 */
export const removeEach = async (removals: Iterable<() => Promise<number>>, signal?: AbortSignal): Promise<number> => {
  const errors: unknown[] = [];
  let removed = 0;
  for (const remove of removals) {
    if (signal?.aborted) break;
    try {
      removed += await remove();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return removed;
};

/** Repeats short work until there is none left. @returns the sum of the numbers */
export const repeatUntilNone = async (work: () => Promise<number>): Promise<number> => {
  let sum = 0;
  for (let done = await work(); done > 0; done = await work()) sum += done;
  return sum;
};
