/**
 * The first three methods as they were written before methods, rebalancing and divisors were one calculation. Tests compare
 * values with these, to the last digit.
 */

/** One close of one asset. `date` is `YYYY-MM-DD`; `close` is positive and finite, in the currency of the asset. */
type Close = { readonly date: string; readonly close: number };

/** The closes of one constituent, oldest first, with at most one close for each date. */
export type CloseSeries = readonly Close[];

export type IndexPoint = { readonly date: string; readonly value: number };

const indexBase = 1000;

/** Each date with at least one close, oldest first, with the close of each constituent on that date (or undefined). */
const byDate = (
  constituents: readonly CloseSeries[],
): readonly (readonly [string, readonly (number | undefined)[]])[] => {
  const rows = new Map<string, (number | undefined)[]>();
  for (const [column, series] of constituents.entries()) {
    for (const { date, close } of series) {
      const row = rows.get(date) ?? Array.from<number | undefined>({ length: constituents.length });
      row[column] = close;
      rows.set(date, row);
    }
  }
  return [...rows].toSorted(([left], [right]) => (left < right ? -1 : 1));
};

/**
 * Equal-weighted index: `start` (1000) on the first date. Each further value is the previous value times 1 plus the mean of the
 * simple returns of the constituents that have a close on both dates. Without such a constituent the value is
 * unchanged.
 */
const equalWeighted = (constituents: readonly CloseSeries[], start = indexBase): IndexPoint[] => {
  let value = start;
  let previous: readonly (number | undefined)[] = [];
  return byDate(constituents).map(([date, closes]) => {
    let sum = 0;
    let priced = 0;
    for (const [column, close] of closes.entries()) {
      const before = previous[column];
      if (close === undefined || before === undefined) continue;
      sum += close / before;
      priced += 1;
    }
    // The mean of the ratios equals 1 plus the mean of the returns, and does not cancel when prices fall to almost 0.
    if (priced > 0) value *= sum / priced;
    previous = closes;
    return { date, value };
  });
};

/**
 * Price-weighted index: the sum of the closes divided by a divisor. The divisor makes the value 1000 on the first date.
 * On the first date of a further constituent the divisor changes so that the new constituent does not change the value
 * of that date. A constituent without a close on a later date counts with its last close.
 */
const priceWeighted = (constituents: readonly CloseSeries[]): IndexPoint[] => {
  const last: (number | undefined)[] = [];
  // The sum of closes at which the index is 1000: the divisor times 1000.
  let base: number | undefined;
  return byDate(constituents).map(([date, closes]) => {
    let sum = 0;
    let joining = 0;
    for (const [column, close] of closes.entries()) {
      const current = close ?? last[column];
      if (current === undefined) continue;
      if (last[column] === undefined && base !== undefined) joining += current;
      else sum += current;
      last[column] = current;
    }
    base ??= sum;
    const value = indexBase * (sum / base);
    if (joining > 0) base *= (sum + joining) / sum;
    return { date, value };
  });
};

/** Rebased index: the closes of one constituent, scaled to 1000 on the first date. */
const rebased = (constituents: readonly CloseSeries[]): IndexPoint[] => {
  const [series = []] = constituents;
  const first = series[0]?.close;
  return first === undefined ? [] : series.map(({ date, close }) => ({ date, value: indexBase * (close / first) }));
};

/** Methods by name, without splits, dividends and terms. */
export const formerCalculators = {
  equal_weighted: (constituents: readonly CloseSeries[]) => equalWeighted(constituents),
  price_weighted: priceWeighted,
  rebased,
};
