import type { DividendPayment, Option } from '../models/engine.ts';
import { msOf, type YearsLeft } from './years-left.ts';

/** Max payments that are kept for one position, because each of up to 100,000 days can have 1,000 of them. */
const maxKept = 100_000;

/** The dividends that are still to come when some days have passed, each with the time that is left. */
export const createShiftedDividends = (given: readonly DividendPayment[], yearsLeft: YearsLeft) => {
  const payments = given.map(({ time, amount, date }: DividendPayment & { readonly date?: unknown }) => ({
    amount,
    years: time,
    ms: msOf(date),
  }));
  const byDays = new Map<number, readonly DividendPayment[]>();
  return (days: number): readonly DividendPayment[] => {
    const known = byDays.get(days);
    if (known !== undefined) return known;
    const shifted: DividendPayment[] = [];
    for (const payment of payments) {
      const time = yearsLeft(payment, days);
      if (time > 0) shifted.push({ time, amount: payment.amount });
    }
    if ((byDays.size + 1) * payments.length <= maxKept) byDays.set(days, shifted);
    return shifted;
  };
};

/**
 * Microseconds of one payment at one value of `days`, measured and rounded up. With a valuation date the day count is
 * applied; `30/360` takes most.
 */
const paymentCosts = { dated: 0.6, undated: 0.03 } as const;

/** Expected microseconds of the dividends of one position at all nodes. */
export const dividendsCost = (option: Option, days: readonly number[], nodes: number): number => {
  const payments = 'dividends' in option ? (option.dividends?.length ?? 0) : 0;
  if (payments === 0) return 0;
  const different = new Set(days).size;
  const kept = Math.min(different, Math.floor(maxKept / payments));
  // The days that are not kept are calculated again at each combination of the other axes.
  const again = (different - kept) * (nodes / days.length);
  return (kept + again) * payments * paymentCosts['valuation_date' in option ? 'dated' : 'undated'];
};
