/** What changed for a constituent between two closes. Members are NaN if there is nothing. */
export type ConstituentAction = {
  readonly position: number;
  readonly date: string;
  /** Cash for one share, of which the ex-date is `date`. */
  readonly dividend: number;
  /** New shares for one old share. */
  readonly split: number;
  /** Shares outstanding from `date` on, after a split of the same date. */
  readonly shares: number;
};

export type MarketAction = Omit<ConstituentAction, 'position'> & { readonly asset: number };

/** The closes of one day, and the actions after the day before and until this day. A day with actions can have no closes. */
export type MarketDay = {
  readonly date: string;
  readonly assets: readonly number[];
  /** The close of each of `assets`. */
  readonly closes: readonly number[];
  readonly actions: readonly MarketAction[];
};

/** One bar of an index. `date`: the latest day of its period on which a constituent has a close. */
export type IndexDay = {
  readonly date: string;
  /** Close of each constituent in this period. NaN: none. */
  readonly closes: Float64Array;
  /** Actions that are effective after the bar before and before the closes of this one, by date. */
  readonly actions: readonly ConstituentAction[];
};

export type IndexChange =
  | { readonly kind: 'started' | 'joined' | 'left' | 'rebalanced'; readonly position?: number }
  | { readonly kind: 'split' | 'dividend' | 'shares'; readonly position: number; readonly amount: number };

export type StepResult = {
  /** Undefined if the index has no value on this day. */
  readonly value: number | undefined;
  /** The divisor with which the value was calculated: value = (sum of close * shares, plus dividends) / divisor. NaN: no members. */
  readonly divisor: number;
  /** The divisor after the close of the day before, and after the close of this day. NaN: none. */
  readonly divisorBefore: number;
  readonly divisorAfter: number;
  readonly changes: readonly IndexChange[];
};
