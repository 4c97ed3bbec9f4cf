/** Recent worker time of each caller. It decays: time that was used `halfLifeMs` ago counts half. */
export type CallerUsage = {
  readonly add: (caller: string, milliseconds: number) => void;
  /** @returns milliseconds */
  readonly of: (caller: string) => number;
};

type Entry = { milliseconds: number; at: number };
export type CallerUsageOptions = { readonly halfLifeMs: number; readonly now: () => number };

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;
const forgottenBelowMs = 1;

export const createCallerUsage = ({ halfLifeMs, now }: CallerUsageOptions): CallerUsage => {
  const entries = new Map<string, Entry>();
  const current = ({ milliseconds, at }: Entry): number => milliseconds * 0.5 ** ((now() - at) / halfLifeMs);

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
    add: (caller, milliseconds) => {
      const entry = entries.get(caller);
      entries.delete(caller);
      if (entries.size >= maxCallers) forget();
      entries.set(caller, { milliseconds: (entry ? current(entry) : 0) + milliseconds, at: now() });
    },
    of: (caller) => {
      const entry = entries.get(caller);
      return entry === undefined ? 0 : current(entry);
    },
  };
};
