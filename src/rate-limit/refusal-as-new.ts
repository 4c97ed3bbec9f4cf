import type { ThrottleRefusal } from '#src/kernel/ports/rate-limiter.ts';
import type { Counters } from './counters.ts';

export type RefusalAsNewDeps = {
  readonly counters: Counters;
  /** Attempts of one account and network, or of all further accounts of a network, without a delay. */
  readonly placePoints: number;
  /** Attempts of one account from all networks without an earlier sign-in. */
  readonly elsewherePoints: number;
  /** Accounts of a network that have counters of their own. */
  readonly newAccounts: number;
  readonly delayAt: (level: number) => number;
};

/** Subjects of the counters of one attempt, as those of a new place. */
export type SubjectsAsNew = { readonly pair: string; readonly network: string; readonly account: string };

/**
 * Returns the refusal that an attempt at a new place would get now; undefined if it would pass. It takes no attempt, because attempts of the account
 * that are still checked are counted as new at their end: counted here before them, this attempt would get the answer of an earlier one.
 */
export const createRefusalAsNew = (deps: RefusalAsNewDeps) => {
  const { counters, placePoints, elsewherePoints, newAccounts, delayAt } = deps;

  const subjectOf = async ({ pair, network }: SubjectsAsNew): Promise<string> => {
    if ((await counters.consumed('account_place', pair)) > 0) return pair;
    return (await counters.consumed('account_new', network)) < newAccounts ? pair : network;
  };

  return async (subjects: SubjectsAsNew): Promise<ThrottleRefusal | undefined> => {
    const subject = await subjectOf(subjects);
    if ((await counters.consumed('account_place', subject)) >= placePoints) {
      const seconds = delayAt(await counters.consumed('account_level', subject));
      // Between two delays, one of several attempts at the same time would pass, and all others would get this one.
      if ((await counters.consumed('account_delay', subject)) === 0)
        return { retryAfterSeconds: seconds, isFirst: false };
      // The point is of a delay that has begun, so that it changes nothing. Only this command tells the end.
      const { resetSeconds, consumed } = await counters.consume('account_delay', subject, seconds);
      return { retryAfterSeconds: resetSeconds, isFirst: consumed === 2 };
    }
    if ((await counters.consumed('account', subjects.account)) < elsewherePoints) return undefined;
    const { resetSeconds } = await counters.consume('account', subjects.account);
    return { retryAfterSeconds: resetSeconds, isFirst: false };
  };
};
