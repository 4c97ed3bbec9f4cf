import { createRecentUse } from '#src/kernel/requests/callers/recent-use.ts';

/** `key` names the user, client, API key or address that shares are counted by. */
export type Caller = { readonly key: string; readonly clientIp: string };

export type Refusal = 'full' | 'caller';

export type Shares = {
  /** Takes `amount` for a caller. @returns undefined if it was taken, otherwise the reason; then nothing was taken */
  readonly take: (caller: string, amount?: number) => Refusal | undefined;
  /** Takes `amount` without a check, right after one or because somebody else has just given it up for this caller. */
  readonly takeFreed: (caller: string, amount?: number) => void;
  /** Returns what `take` would return now, but takes nothing. */
  readonly check: (caller: string, amount?: number) => Refusal | undefined;
  /** The same without `extra`. @param freed amount of others that would be free too. Default: 0 */
  readonly checkWithin: (caller: string, amount?: number, freed?: number) => Refusal | undefined;
  /** Makes `amount` available to all callers again. It still counts against its caller until `forget`. */
  readonly free: (amount?: number) => void;
  /** Counts `amount` against a caller who holds it of something else. It takes nothing from the limit, and ends with `forget`. */
  readonly holdElsewhere: (caller: string, amount?: number) => void;
  /** Stops counting `amount` against the caller. */
  readonly forget: (caller: string, amount?: number) => void;
  /** `free` and `forget` at once. */
  readonly release: (caller: string, amount?: number) => void;
  readonly total: () => number;
  /** The average that the caller held recently, in units of `minAmount`. */
  readonly recent: (caller: string) => number;
  /** The amount that the caller holds, and the average that it held recently. */
  readonly use: (caller: string) => number;
};

export type SharesOptions = {
  readonly limit: number;
  /** Percent of the limit that one caller can use while it is the only caller. */
  readonly callerPercent: number;
  /** Every caller may hold this amount while it is free, however many other callers there are. */
  readonly minAmount: number;
  /**
   * Amount beyond the limit for callers who hold no more than `extraPerCaller` with it. So a caller finds a place although others have used up the limit for a long
   * time. The less of it is free, the less a caller may have held recently. Default: 0.
   */
  readonly extra?: number;
  /** Default: `minAmount`. */
  readonly extraPerCaller?: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** Percent of a limit that the callers of one network can use while no other network has requests. */
export const networkPercent = 75;
/** Share of a limit that is kept for callers who hold no more than `minAmount` and held little recently. */
const keptShare = 0.25;
/**
 * Divides a limit among callers. A caller may hold a fixed proportion of the amount that is free at the moment. So the
 * max per caller falls with the number of callers, and some amount stays free for the next caller. With 50 percent and
 * a limit of 16, one caller can hold 8, a second one 4. Then 4 more callers can hold one each.
 *
 * The fewer of these 4 are free, the less a caller may have held recently. So callers who come again and again do not
 * take the last ones, and a new caller finds one. See docs/decisions/0100.
 */
export const createShares = (options: SharesOptions): Shares => {
  const {
    limit,
    callerPercent,
    minAmount,
    extra = 0,
    extraPerCaller = minAmount,
    now = () => performance.now(),
  } = options;
  const perFree = callerPercent / (100 - callerPercent);
  const held = new Map<string, number>();
  /** In units of `minAmount`. */
  const recentUse = createRecentUse({ now });
  const keeps = callerPercent < 100;
  const kept = limit * keptShare;
  let total = 0;

  /** Whether `amount` would come from the kept part, and the caller has no right to it. */
  const isKept = (caller: string, own: number, free: number, amount: number): boolean => {
    if (!keeps || free - amount >= kept) return false;
    return own + amount > minAmount || recentUse.of(caller) > (free / kept) ** 2;
  };

  /** Whether the caller holds so little that the amount may be one beyond the limit. */
  const isNewcomer = (caller: string, own: number, amount: number): boolean => {
    const free = limit + extra - total;
    if (own + amount > extraPerCaller || amount > free) return false;
    return free > extra || recentUse.of(caller) <= (free / extra) ** 2;
  };

  const checkWithin: Shares['checkWithin'] = (caller, amount = 1, freed = 0) => {
    const free = limit - total + freed;
    const own = held.get(caller) ?? 0;
    if (amount > free) return own + amount <= extraPerCaller && amount <= free + extra ? 'caller' : 'full';
    const max = callerPercent >= 100 ? limit : Math.max(minAmount, Math.floor(free * perFree));
    if (isKept(caller, own, free, amount)) return 'caller';
    if (own + amount <= max) return undefined;
    // A caller that holds nothing does not exceed its own share: other callers use up the limit.
    return own > 0 ? 'caller' : 'full';
  };

  const check: Shares['check'] = (caller, amount = 1) =>
    extra > 0 && isNewcomer(caller, held.get(caller) ?? 0, amount) ? undefined : checkWithin(caller, amount);

  const free: Shares['free'] = (amount = 1) => {
    total -= amount;
  };
  const hold = (caller: string, amount: number): void => {
    if (amount > 0) held.set(caller, amount);
    else held.delete(caller);
    if (keeps) recentUse.hold(caller, Math.max(0, amount) / minAmount);
  };
  const holdElsewhere: Shares['holdElsewhere'] = (caller, amount = 1) => hold(caller, (held.get(caller) ?? 0) + amount);
  const forget: Shares['forget'] = (caller, amount = 1) => holdElsewhere(caller, -amount);

  const takeFreed: Shares['takeFreed'] = (caller, amount = 1) => {
    total += amount;
    holdElsewhere(caller, amount);
  };

  return {
    check,
    checkWithin,
    free,
    forget,
    holdElsewhere,
    takeFreed,
    take: (caller, amount = 1) => {
      const refusal = check(caller, amount);
      if (refusal === undefined) takeFreed(caller, amount);
      return refusal;
    },
    release: (caller, amount = 1) => {
      free(amount);
      forget(caller, amount);
    },
    total: () => total,
    recent: recentUse.of,
    use: (caller) => (held.get(caller) ?? 0) + recentUse.of(caller) * minAmount,
  };
};
