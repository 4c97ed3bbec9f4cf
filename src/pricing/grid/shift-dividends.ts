import type { DividendPayment, Option } from '../models/engine.ts';
import { msOf, type YearsLeft } from './years-left.ts';

/** Max payments that are kept for one position, because each of up to 100,000 days can have 1,000 of them. */
const maxKept = 100_000;

/** Lists that are kept: one for each of the first days of the axis. */
const keptLists = (payments: number, days: number): number => Math.min(days, Math.floor(maxKept / payments));

/**
 * The dividends that are still to come when some days have passed, each with the time that is left. A list is kept by the position of
 * its days in the axis and not by their number, because a caller can choose numbers that have one hash in V8.
 * @param length the number of days in the axis
 */
export const createShiftedDividends = (given: readonly DividendPayment[], yearsLeft: YearsLeft, length: number) => {
  const payments = given.map(({ time, amount, date }: DividendPayment & { readonly date?: unknown }) => ({
    amount,
    years: time,
    ms: msOf(date),
  }));
  const kept = Array.from<readonly DividendPayment[] | undefined>({ length: keptLists(payments.length, length) });
  return (days: number, position: number): readonly DividendPayment[] => {
    const known = kept[position];
    if (known !== undefined) return known;
    const shifted: DividendPayment[] = [];
    for (const payment of payments) {
      const time = yearsLeft(payment, days);
      if (time > 0) shifted.push({ time, amount: payment.amount });
    }
    if (position < kept.length) kept[position] = shifted;
    return shifted;
  };
};

/**
 * Microseconds of one payment at one value of `days`, measured and rounded up. With a valuation date the day count is
 * applied; `30/360` takes most.
 */
const paymentCosts = { dated: 0.6, undated: 0.03 } as const;

/** Expected microseconds of the dividends of one position at all nodes. */
export const dividendsCost = (option: Option, days: number, nodes: number): number => {
  const payments = 'dividends' in option ? (option.dividends?.length ?? 0) : 0;
  if (payments === 0) return 0;
  const kept = keptLists(payments, days);
  // The days that are not kept are calculated again at each combination of the other axes.
  const again = (days - kept) * (nodes / days);
  return (kept + again) * payments * paymentCosts['valuation_date' in option ? 'dated' : 'undated'];
};
