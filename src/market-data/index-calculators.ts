import type { IndexMethod } from './universes.ts';

/** One close of one asset: `date` is `YYYY-MM-DD`, `close` positive and finite, in the asset's currency. */
export type Close = { readonly date: string; readonly close: number };

/** One constituent's closes, oldest first, no date twice. */
export type CloseSeries = readonly Close[];

export type IndexPoint = { readonly date: string; readonly value: number };

export const indexBase = 1000;

/** Every date on which some constituent is priced, oldest first, with each constituent's close there (or undefined). */
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
 * 1000 on the first date; then the previous value times 1 plus the plain mean of the simple returns of the
 * constituents priced on both dates. Where none is, the value stays.
 */
export const equalWeighted = (constituents: readonly CloseSeries[]): IndexPoint[] => {
  let value = indexBase;
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
    // The mean of the ratios is 1 plus the mean of the returns, without cancelling digits on a crash.
    if (priced > 0) value *= sum / priced;
    previous = closes;
    return { date, value };
  });
};

/**
 * Sum of closes over a divisor that makes it 1000 on the first date. On a constituent's first date the divisor is
 * reset so that this date's value is what it would be without it. A constituent without a close on a later date
 * counts with its last one.
 */
export const priceWeighted = (constituents: readonly CloseSeries[]): IndexPoint[] => {
  const last: (number | undefined)[] = [];
  // The sum that stands for 1000: the divisor is a thousandth of it.
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

/** One series scaled to 1000 on its first date. */
export const rebased = (constituents: readonly CloseSeries[]): IndexPoint[] => {
  const [series = []] = constituents;
  const first = series[0]?.close;
  return first === undefined ? [] : series.map(({ date, close }) => ({ date, value: indexBase * (close / first) }));
};

export const indexCalculators: Readonly<Record<IndexMethod, (constituents: readonly CloseSeries[]) => IndexPoint[]>> = {
  equal_weighted: equalWeighted,
  price_weighted: priceWeighted,
  rebased,
};
