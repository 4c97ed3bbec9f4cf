import type { IndexPlan } from '../indexes/calculation/index-plan.ts';
import type { IndexState } from '../indexes/calculation/index-state.ts';
import type { IndexChange, IndexDay, StepResult } from '../indexes/calculation/index-day.ts';

type ExplainedConstituent = {
  readonly symbol: string;
  /** Part of the index at the close of the day. */
  readonly weight: number;
  readonly price: number;
  /** Shares that the index holds: the sum of price * shares, divided by the divisor, is the value. */
  readonly shares: number;
  /** Price divided by the price before, without the effect of a split, less 1. */
  readonly change?: number;
  /** Only for total return: value = (sum of (price + dividend) * shares) / divisor. */
  readonly dividend?: number;
};

export type ExplainedDay = {
  readonly date: string;
  readonly value: number;
  readonly divisor: number | null;
  readonly constituents: readonly ExplainedConstituent[];
  /** The newest changes. */
  readonly events: readonly {
    readonly type: IndexChange['kind'];
    readonly symbol?: string;
    readonly amount?: number;
  }[];
  /** Number of changes, also of those that are not listed. */
  readonly events_total: number;
};

/** An answer lists so many changes, because the number of actions before a bar has no limit, and anybody may ask. */
const maxListedEvents = 1_000;

export type CalculatedDay = {
  readonly state: IndexState;
  readonly day: IndexDay;
  readonly result: StepResult;
  /** The closes of the day before, in shares of that day. */
  readonly closesBefore: Float64Array;
};

/** The cash for one share of each constituent, in shares of this day. */
const dividendsOf = ({ actions }: IndexDay): Map<number, number> => {
  const dividends = new Map<number, number>();
  for (const { position, split, dividend } of actions) {
    const before = dividends.get(position);
    if (before !== undefined && !Number.isNaN(split)) dividends.set(position, before / split);
    if (!Number.isNaN(dividend)) dividends.set(position, (dividends.get(position) ?? 0) + dividend);
  }
  return dividends;
};

const closesInSharesOfToday = ({ closesBefore, day }: CalculatedDay): Float64Array => {
  const closes = Float64Array.from(closesBefore);
  for (const { position, split } of day.actions) if (!Number.isNaN(split)) closes[position]! /= split;
  return closes;
};

/** How the value of the day follows from prices, shares and divisor. */
export const explainedDay = (plan: IndexPlan, calculated: CalculatedDay): ExplainedDay => {
  const { state, day, result } = calculated;
  const { units, references, closes } = state;
  const before = closesInSharesOfToday(calculated);
  const begins = result.changes.some(({ kind }) => kind === 'started');
  const dividends = plan.reinvests && !begins ? dividendsOf(day) : new Map<number, number>();
  const symbolOf = (position: number): string => plan.constituents[position]!;
  const isCounted = (position: number): boolean =>
    units[position] !== 0 && (plan.rebalance !== 'each_bar' || !Number.isNaN(day.closes[position]));
  const counted = [...units.keys()].filter(isCounted);
  const partOf = (position: number): number => units[position]! * (closes[position]! / references[position]!);
  const sum = counted.reduce((total, position) => total + partOf(position), 0);
  return {
    date: day.date,
    value: state.value,
    divisor: Number.isNaN(result.divisor) ? null : result.divisor,
    constituents: counted.map((position) => {
      const price = closes[position]!;
      const change = price / before[position]! - 1;
      const dividend = dividends.get(position);
      return {
        symbol: symbolOf(position),
        weight: partOf(position) / sum,
        price,
        shares: units[position]! / references[position]!,
        ...(!Number.isNaN(change) && { change }),
        ...(dividend !== undefined && { dividend }),
      };
    }),
    events: result.changes.slice(-maxListedEvents).map((change) => ({
      type: change.kind,
      ...(change.position !== undefined && { symbol: symbolOf(change.position) }),
      ...('amount' in change && { amount: change.amount }),
    })),
    events_total: result.changes.length,
  };
};
