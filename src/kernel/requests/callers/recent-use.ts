export type RecentUse = {
  /** Tells how much the caller holds from now on. */
  readonly hold: (caller: string, amount: number) => void;
  /** Adds to the amount at once, for use that is known by its sum. It is never below 0. */
  readonly add: (caller: string, amount: number) => void;
  /** @returns what the caller held on average, and what was added; what was `halfLifeMs` ago counts half */
  readonly of: (caller: string) => number;
  /**
   * Like `of`, but a caller who was not known before counts with what it held since then, and not with the time before it. So callers with much use are
   * known after some seconds, and not after the half-life.
   */
  readonly sinceKnown: (caller: string) => number;
};

/** `now`: milliseconds of a clock that only goes forward. */
export type RecentUseOptions = { readonly now: () => number };

/** Time after which the use of a caller counts half. */
const halfLifeMs = 30_000;

/** A shorter time would make one short use of a new caller look like much. */
const minKnownMs = 5_000;

/** `since`: the caller is known. */
type Entry = { average: number; held: number; at: number; since: number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelow = 0.01;

/** The recent use of each caller: the amount that it held, as an exponential moving average over time, and amounts that are added. */
export const createRecentUse = ({ now }: RecentUseOptions): RecentUse => {
  const entries = new Map<string, Entry>();
  const averageAt = ({ average, held, at }: Omit<Entry, 'since'>, time: number): number => {
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
      if (known.held === 0 && known.average < forgottenBelow) known.since = at;
      return known;
    }
    if (entries.size >= maxCallers) forget();
    const entry: Entry = { average: 0, held: 0, at, since: at };
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
    sinceKnown: (caller) => {
      const entry = entries.get(caller);
      if (entry === undefined) return 0;
      return current(entry) / (1 - 0.5 ** (Math.max(minKnownMs, now() - entry.since) / halfLifeMs));
    },
  };
};
