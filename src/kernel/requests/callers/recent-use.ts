export type RecentUse = {
  /** Tells how much the caller holds from now on. */
  readonly hold: (caller: string, amount: number) => void;
  /** Adds to the amount at once, for use that is known by its sum. It is never below 0. */
  readonly add: (caller: string, amount: number) => void;
  /** @returns what the caller held on average, and what was added; what was `halfLifeMs` ago counts half */
  readonly of: (caller: string) => number;
};

/** `now`: milliseconds of a clock that only goes forward. */
export type RecentUseOptions = { readonly now: () => number };

/** Time after which the use of a caller counts half. */
const halfLifeMs = 30_000;

type Entry = { average: number; held: number; at: number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelow = 0.01;

/** The recent use of each caller: the amount that it held, as an exponential moving average over time, and amounts that are added. */
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

  /** The entry of the caller, up to date. Its use runs several times for each request, so an entry is changed and not replaced. */
  const entryOf = (caller: string): Entry => {
    const at = now();
    const known = entries.get(caller);
    if (known !== undefined) {
      known.average = averageAt(known, at);
      known.at = at;
      return known;
    }
    if (entries.size >= maxCallers) forget();
    const entry: Entry = { average: 0, held: 0, at };
    entries.set(caller, entry);
    return entry;
  };

  return {
    hold: (caller, amount) => {
      entryOf(caller).held = amount;
    },
    add: (caller, amount) => {
      const entry = entryOf(caller);
      entry.average = Math.max(0, entry.average + amount);
    },
    of: (caller) => {
      const entry = entries.get(caller);
      return entry === undefined ? 0 : current(entry);
    },
  };
};
