import { growthOf } from '../engines/american/adaptive-american.ts';
import {
  hasTwoBoundaries,
  isNeverExercisedEarly,
  isWithoutVolatility,
  NEGLIGIBLE_DEVIATION,
} from '../engines/american/american-limits.ts';
import type { Precision } from '../engines/american/precision.ts';
import { numberOr, numericGreeks, type CostInputs } from './cost-inputs.ts';

/** The costs of `andersen_lake`, in microseconds. See docs/decisions/0266. */

const precisionCosts: Readonly<Record<Precision, number>> = { fast: 10, default: 25, high: 12_000 };
/**
 * Cost of the method for options that no fixed scheme prices within its bound. Some take 20 ms, so none of them is priced on
 * the event loop of the service.
 */
const panelCost = 8_000;
/**
 * Cost of an option with two boundaries, which is priced on two meshes: 50 to 600 ms were measured. The inputs do not show which
 * of them take long.
 */
const twoBoundariesCost = 600_000;
/** What the greeks of such an option cost beside its price. 130 ms were measured. */
const twoBoundariesGreeks = 150_000;
/**
 * Cost of each such price among the differences near zero volatility. On a busy machine 4.2 s of processor time were measured for all
 * of them. Their sum with the price stays below the limit of one row.
 */
const twoBoundariesDifference = 33_000;
/**
 * Cost of each price of a search for the volatility of such an option. All of them take 2 s at most, and a search ends after 3 s
 * (`MAX_SEARCH_MS`). Of 70 random ones the slowest took 1.7 s. It is not the cost of one price, because then each search would be refused.
 */
const twoBoundariesSearch = 33_000;
/**
 * Greeks of an option without a boundary are differences of prices. If rate and yield are closer than this, some of these
 * prices have two boundaries, and all take 1.2 to 2.1 s.
 */
const NEAR_RATES = 2.1e-4;
const nearTwoBoundariesGreeks = 2_000_000;
const usualGreeks = 12_000;
/** Below this growth nearly all options are priced by a fixed scheme. */
const MAX_SCHEME_GROWTH = 0.7;
/** A call with a smaller scale, or an option with a rate or yield that is smaller and not 0, is often priced on panels. */
const MIN_SCHEME_SCALE = 1e-3;
const MIN_SCHEME_RATE = 1e-7;
const isTiny = (rate: number): boolean => rate !== 0 && Math.abs(rate) < MIN_SCHEME_RATE;

const isPrecision = (name: unknown): name is Precision =>
  typeof name === 'string' && Object.hasOwn(precisionCosts, name);

/** Whether a test of the rate and yield of a put is true of the option. Without a type it is that of a call or of a put. */
const isTrueOfPut = (
  { option_type: type, rate, dividend_yield: dividendYield }: CostInputs,
  isTrue: (putRate: number, putYield: number) => boolean,
): boolean => {
  const [first, second] = [numberOr(rate, 0), numberOr(dividendYield, 0)];
  return (type !== 'call' && isTrue(first, second)) || (type !== 'put' && isTrue(second, first));
};
const isNearTwoBoundaries = (putRate: number, putYield: number): boolean =>
  putRate < 0 && Math.abs(putYield - putRate) < NEAR_RATES;
const hasBoundary = (putRate: number, putYield: number): boolean => !isNeverExercisedEarly(putRate, putYield);

const priceCost = (row: CostInputs, twoBoundaries: number): number => {
  const precision = row.precision ?? 'default';
  if (!isPrecision(precision)) return 0;
  const usual = precisionCosts[precision];
  if (isTrueOfPut(row, hasTwoBoundaries)) return twoBoundaries;
  if (!isTrueOfPut(row, hasBoundary)) return precisionCosts.default;
  const years = numberOr(row.time_to_expiry, 0);
  const [rate, dividendYield] = [numberOr(row.rate, 0), numberOr(row.dividend_yield, 0)];
  // An inversion tries volatilities of its own, so a row without one counts as an ordinary one.
  const volatility = numberOr(row.volatility, 0.2);
  // A call is a put with rate and yield exchanged.
  const growth =
    row.option_type === 'put'
      ? growthOf(years, rate, dividendYield, volatility)
      : growthOf(years, dividendYield, rate, volatility);
  const scale = boundScale(row);
  const isUnusual = scale < MIN_SCHEME_SCALE || isTiny(rate) || isTiny(dividendYield);
  const needsPanels = isUnusual || growth > MAX_SCHEME_GROWTH * scale;
  return needsPanels ? Math.max(usual, panelCost) : usual;
};

/**
 * The error bound of a call as a share of the one that the schemes are chosen by, as in `adaptive-american.ts`: a call deep in the money is
 * priced on panels.
 */
const boundScale = ({ option_type: type, spot, strike }: CostInputs): number =>
  type === 'put' || typeof spot !== 'number' || typeof strike !== 'number' ? 1 : Math.min(1, strike / spot);

export const andersenLakeCost = (row: CostInputs): number => priceCost(row, twoBoundariesCost);
export const andersenLakeSearchCost = (row: CostInputs): number => priceCost(row, twoBoundariesSearch);

/** Near zero volatility the greeks are differences of prices, and most of these are priced on panels. */
export const andersenLakeGreeksCost = (row: CostInputs): number => {
  const years = numberOr(row.time_to_expiry, 0);
  const isKnown = years > 0 && isWithoutVolatility(years, numberOr(row.volatility, 0.2), NEGLIGIBLE_DEVIATION);
  const twoBoundaries = isTrueOfPut(row, hasTwoBoundaries);
  if (isKnown) return numericGreeks * (twoBoundaries ? twoBoundariesDifference : panelCost);
  if (twoBoundaries) return twoBoundariesGreeks;
  return isTrueOfPut(row, isNearTwoBoundaries) ? nearTwoBoundariesGreeks : usualGreeks;
};
