export type Refusal = 'full' | 'caller';

export type Shares = {
  /** Undefined when `amount` was taken; else why not, and nothing was taken. */
  readonly take: (caller: string, amount?: number) => Refusal | undefined;
  /** The answer that `take` would give now. */
  readonly check: (caller: string, amount?: number) => Refusal | undefined;
  /** Gives `amount` back to all callers; it still counts as held by this one until `forget`. */
  readonly free: (amount?: number) => void;
  readonly forget: (caller: string, amount?: number) => void;
  /** `free` and `forget` at once. */
  readonly release: (caller: string, amount?: number) => void;
  readonly total: () => number;
};

export type SharesOptions = {
  readonly limit: number;
  /** Percent of the limit that a caller reaches alone. */
  readonly callerPercent: number;
  /** A caller gets this much while it is there at all, however many others there are. */
  readonly minAmount: number;
};

/**
 * Divides a limit among callers. A caller may hold a fixed proportion of what is free at the moment, so the more callers
 * there are the less each may hold, and something stays free for the next one. With 50 percent and a limit of 16, one
 * caller reaches 8, two reach 5 each, three reach 4 each. See docs/decisions/0100.
 */
export const createShares = ({ limit, callerPercent, minAmount }: SharesOptions): Shares => {
  const perFree = callerPercent / (100 - callerPercent);
  const held = new Map<string, number>();
  let total = 0;

  const check: Shares['check'] = (caller, amount = 1) => {
    const free = limit - total;
    if (amount > free) return 'full';
    const own = held.get(caller) ?? 0;
    const max = callerPercent >= 100 ? limit : Math.max(minAmount, Math.floor(free * perFree));
    if (own + amount <= max) return undefined;
    // Who holds nothing is not refused for holding too much: the others do.
    return own > 0 ? 'caller' : 'full';
  };

  const free: Shares['free'] = (amount = 1) => {
    total -= amount;
  };
  const forget: Shares['forget'] = (caller, amount = 1) => {
    const rest = (held.get(caller) ?? 0) - amount;
    if (rest > 0) held.set(caller, rest);
    else held.delete(caller);
  };

  return {
    check,
    free,
    forget,
    take: (caller, amount = 1) => {
      const refusal = check(caller, amount);
      if (refusal !== undefined) return refusal;
      total += amount;
      held.set(caller, (held.get(caller) ?? 0) + amount);
      return undefined;
    },
    release: (caller, amount = 1) => {
      free(amount);
      forget(caller, amount);
    },
    total: () => total,
  };
};
