import { maxDividends } from './inputs.ts';

/** What columns know of the dividends of a row without a list of them. Symbols, because a row of JSON can have members of any name. */
export const knownDividendCount = Symbol('number of dividends');
export const knownDividendSum = Symbol('sum of dividends');

/** The members of a row that its cost depends on, not validated. Dates are resolved before. */
export type CostInputs = {
  readonly model?: unknown;
  readonly exercise_style?: unknown;
  readonly option_type?: unknown;
  readonly steps?: unknown;
  readonly precision?: unknown;
  readonly dividends?: unknown;
  readonly [knownDividendCount]?: number | undefined;
  /** A function, because few models need it. */
  readonly [knownDividendSum]?: () => number;
  readonly time_to_expiry?: unknown;
  readonly heston?: unknown;
  readonly rate?: unknown;
  readonly dividend_yield?: unknown;
  readonly volatility?: unknown;
  readonly spot?: unknown;
  readonly strike?: unknown;
  readonly barrier_type?: unknown;
  readonly rebate?: unknown;
};

/** Number of prices that `writeNumericGreeks` calculates. */
export const numericGreeks = 72;

export const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);

export const countOfDividends = ({ dividends, [knownDividendCount]: known }: CostInputs): number => {
  if (known !== undefined) return Math.min(known, maxDividends);
  return Array.isArray(dividends) ? Math.min(dividends.length, maxDividends) : 0;
};

/** The sums of long lists, because one list can belong to 100,000 rows or nodes. To add a short one takes less time than to find its sum. */
const sums = new WeakMap<readonly unknown[], number>();
const LONG_LIST = 30;

const amountOf = (dividend: unknown): number => {
  if (typeof dividend !== 'object' || dividend === null) return 0;
  const amount = numberOr((dividend as Readonly<Record<string, unknown>>)['amount'], 0);
  return amount > 0 ? amount : 0;
};

/** The sum of the amounts of a list of dividends, which is not validated. */
export const sumOfAmounts = (dividends: unknown): number => {
  if (!Array.isArray(dividends)) return 0;
  const isLong = dividends.length > LONG_LIST;
  const known = isLong ? sums.get(dividends) : undefined;
  if (known !== undefined) return known;
  let sum = 0;
  for (let k = 0; k < dividends.length && k < maxDividends; k++) sum += amountOf(dividends[k]);
  if (isLong) sums.set(dividends, sum);
  return sum;
};

export const sumOfDividends = ({ dividends, [knownDividendSum]: known }: CostInputs): number =>
  known === undefined ? sumOfAmounts(dividends) : known();
