export type RecentUse = {
  /** Tells how much the caller holds from now on. */
  readonly hold: (caller: string, amount: number) => void;
  /** @returns the average amount that the caller held recently; time that was `halfLifeMs` ago counts half */
  readonly of: (caller: string) => number;
};

/** `now`: milliseconds of a clock that only goes forward. */
export type RecentUseOptions = { readonly now: () => number };

/** Time after which what a caller held counts half. */
const halfLifeMs = 30_000;

type Entry = { average: number; held: number; at: number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelow = 0.01;

/** The average amount that each caller held, as an exponential moving average over time. */
export const createRecentUse = ({ now }: RecentUseOptions): RecentUse => {
  const entries = new Map<string, Entry>();
  const averageAt = ({ average, held, at }: Entry, time: number): number => {
    const past = 0.5 ** ((time - at) / halfLifeMs);
    return average * past + held * (1 - past);
  };
  const current = (entry: Entry): number => averageAt(entry, now());

  /** Removes at least a tenth of the callers, so that this loop over all callers runs rarely. */
  const forget = (): void => {
    for (const [caller, entry] of entries) {
      if (entry.held === 0 && current(entry) < forgottenBelow) entries.delete(caller);
    }
    // Then the callers without a change for the longest time.
    const excess = Math.max(0, entries.size - 0.9 * maxCallers);
    const oldest = excess === 0 ? [] : [...entries].toSorted(([, one], [, other]) => one.at - other.at);
    for (const [caller] of oldest.slice(0, Math.ceil(excess))) entries.delete(caller);
  };

  return {
    hold: (caller, amount) => {
      const entry = entries.get(caller);
      // It runs several times for each request, so an entry is changed and not replaced.
      if (entry !== undefined) {
        const at = now();
        entry.average = averageAt(entry, at);
        entry.held = amount;
        entry.at = at;
        return;
      }
      if (entries.size >= maxCallers) forget();
      entries.set(caller, { average: 0, held: amount, at: now() });
    },
    of: (caller) => {
      const entry = entries.get(caller);
      return entry === undefined ? 0 : current(entry);
    },
  };
};
