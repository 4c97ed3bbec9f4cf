/** Worker time that callers have used, fading away: what lies `halfLifeMs` back counts half. */
export type CallerUsage = {
  readonly add: (caller: string, milliseconds: number) => void;
  /** Milliseconds. */
  readonly of: (caller: string) => number;
};

type Entry = { milliseconds: number; at: number };
export type CallerUsageOptions = { readonly halfLifeMs: number; readonly now: () => number };

/** Bounds the memory that an attack from many addresses can take. */
const maxCallers = 10_000;
const forgottenBelowMs = 1;

export const createCallerUsage = ({ halfLifeMs, now }: CallerUsageOptions): CallerUsage => {
  const entries = new Map<string, Entry>();
  const current = ({ milliseconds, at }: Entry): number => milliseconds * 0.5 ** ((now() - at) / halfLifeMs);

  /** Rarely, because it looks at all: a tenth of the callers is removed at least. */
  const forget = (): void => {
    for (const [caller, entry] of entries) if (current(entry) < forgottenBelowMs) entries.delete(caller);
    // A map keeps the order of insertion: those without work for the longest time are first.
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
