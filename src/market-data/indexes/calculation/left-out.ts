import { dayNumber, isInForce, type IndexPlan } from './index-plan.ts';
import type { IndexState } from './index-state.ts';

export const leftOutReasons = ['no_price', 'no_shares', 'other_interval'] as const;

/** A constituent that is in force and is not a member, because its price of the interval or its number of shares is not known. */
export type LeftOut = {
  readonly code: string;
  readonly symbol: string;
  readonly reason: (typeof leftOutReasons)[number];
};

/** The constituents that the last value of the state lacks. @param otherInterval the symbols whose series has another interval */
export const leftOut = (
  code: string,
  plan: IndexPlan,
  { date, closes, shares }: IndexState,
  otherInterval: ReadonlySet<string>,
): LeftOut[] => {
  const day = dayNumber(date === '' ? '9999-12-31' : date);
  return plan.constituents.flatMap((symbol, position): LeftOut[] => {
    if (!isInForce(plan, position, day)) return [];
    if (otherInterval.has(symbol)) return [{ code, symbol, reason: 'other_interval' }];
    if (Number.isNaN(closes[position])) return [{ code, symbol, reason: 'no_price' }];
    const lacksShares = plan.holds === 'shares_outstanding' && Number.isNaN(shares[position]);
    return lacksShares ? [{ code, symbol, reason: 'no_shares' }] : [];
  });
};
