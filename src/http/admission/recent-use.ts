export type RecentUse = {
  /** Tells how much the caller holds from now on. */
  readonly hold: (caller: string, amount: number) => void;
  /** @returns the average amount that the caller held recently; time that was `halfLifeMs` ago counts half */
  readonly of: (caller: string) => number;
};

export type RecentUseOptions = { readonly halfLifeMs: number; readonly now: () => number };

type Entry = { average: number; held: number; at: number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelow = 0.01;

/** The average amount that each caller held, as an exponential moving average over time. */
export const createRecentUse = ({ halfLifeMs, now }: RecentUseOptions): RecentUse => {
  const entries = new Map<string, Entry>();
  const current = ({ average, held, at }: Entry): number => {
    const past = 0.5 ** ((now() - at) / halfLifeMs);
    return average * past + held * (1 - past);
  };

  /** Removes at least a tenth of the callers, so that this loop over all callers runs rarely. */
  const forget = (): void => {
    for (const [caller, entry] of entries) {
      if (entry.held === 0 && current(entry) < forgottenBelow) entries.delete(caller);
    }
    // A map keeps the order of insertion, so the callers without a change for the longest time come first.
    for (const caller of entries.keys()) {
      if (entries.size <= 0.9 * maxCallers) return;
      entries.delete(caller);
    }
  };

  return {
    hold: (caller, amount) => {
      const entry = entries.get(caller);
      entries.delete(caller);
      if (entries.size >= maxCallers) forget();
      entries.set(caller, { average: entry ? current(entry) : 0, held: amount, at: now() });
    },
    of: (caller) => {
      const entry = entries.get(caller);
      return entry === undefined ? 0 : current(entry);
    },
  };
};
