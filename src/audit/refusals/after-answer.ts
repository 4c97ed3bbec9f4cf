import { refusalCauses, type RefusalCause } from '#src/kernel/catalogue/audit-actions.ts';
import { runBeyondRequest } from '#src/kernel/requests/request-context.ts';

/** Max refusals of one cause that wait or are recorded at once. Refusals of one cause take no places of another. */
const maxAtOnce = 100;
/** Much longer than a record takes, so that the times of later requests do not tell which refusal has one. */
const maxDelayMs = 250;

/**
 * Refusals that are recorded at a random time after the answer. The answer must not wait, because a record takes a transaction only while the window of its
 * stream has room, and accounts that exist have windows of their own: the time of the answer would say whether an account exists.
 */
export type AfterAnswer = {
  /** Begins `work` later. It must not throw. @returns false without a place: then `work` is not called */
  readonly begin: (cause: RefusalCause, work: () => Promise<void>) => boolean;
  /** Begins all work that waits, and waits until it is done. */
  readonly settled: () => Promise<void>;
};

type Waiting = { readonly start: () => void; readonly done: Promise<void> };

export const createAfterAnswer = (): AfterAnswer => {
  const waiting = new Map(refusalCauses.map((cause) => [cause, new Set<Waiting>()]));

  return {
    begin: (cause, work) => {
      const own = waiting.get(cause)!;
      if (own.size >= maxAtOnce) return false;
      const { promise: started, resolve: start } = Promise.withResolvers<void>();
      const timer = setTimeout(start, Math.random() * maxDelayMs);
      const done = runBeyondRequest(async () => {
        await started;
        clearTimeout(timer);
        await work();
        own.delete(each);
      });
      const each: Waiting = { start, done };
      own.add(each);
      return true;
    },
    settled: async () => {
      const all = [...waiting.values()].flatMap((own) => [...own]);
      for (const { start } of all) start();
      await Promise.all(all.map(({ done }) => done));
    },
  };
};
