export type RecentWork = {
  /** Work of `milliseconds` was done for the caller, or is expected; negative: less than was expected. */
  readonly add: (caller: string, milliseconds: number) => void;
  /** @returns milliseconds of recent work; what was done `halfLifeMs` ago counts half */
  readonly of: (caller: string) => number;
};

/** `now`: milliseconds of a clock that only goes forward. */
export type RecentWorkOptions = { readonly now: () => number };

/** Time after which work counts half. */
const halfLifeMs = 30_000;

type Entry = { readonly milliseconds: number; readonly at: number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelowMs = 1;

/** The work that was done for each caller in the last minutes. */
export const createRecentWork = ({ now }: RecentWorkOptions): RecentWork => {
  const entries = new Map<string, Entry>();
  const current = ({ milliseconds, at }: Entry): number => milliseconds * 0.5 ** ((now() - at) / halfLifeMs);
  const of = (caller: string): number => {
    const entry = entries.get(caller);
    return entry === undefined ? 0 : current(entry);
  };

  /** Removes at least a tenth of the callers, so that this loop over all callers runs rarely. */
  const forget = (): void => {
    for (const [caller, entry] of entries) if (current(entry) < forgottenBelowMs) entries.delete(caller);
    // A map keeps the order of insertion, so the callers without work for the longest time come first.
    for (const caller of entries.keys()) {
      if (entries.size <= 0.9 * maxCallers) return;
      entries.delete(caller);
    }
  };

  return {
    of,
    add: (caller, milliseconds) => {
      const sum = Math.max(0, of(caller) + milliseconds);
      entries.delete(caller);
      if (entries.size >= maxCallers) forget();
      entries.set(caller, { milliseconds: sum, at: now() });
    },
  };
};
