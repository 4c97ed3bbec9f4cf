import { ABOVE_MAXIMUM, BELOW_INTRINSIC, NO_INFORMATION, NOT_CONVERGED, type Inversion } from './implied.ts';
import { rootBetween } from './root-between.ts';

/** Max volatility that a search tries. */
export const MAX_VOLATILITY = 100;
const FIRST_VOLATILITY = 0.25;
/** Max steps of a search, because each is a price, which can take 0.1 s. 99 % of searches take at most 33 (docs/decisions/0345). */
export const MAX_SEARCH_STEPS = 60;
/** Max number of volatilities without a price that the search for a bracket tries. */
const MAX_RETREATS = 6;
/** Relative distance to a volatility without a price at which the search for a bracket ends. */
const MIN_DISTANCE = 1e-2;
/** Relative distance to the min price below which the time value has no correct digit. */
const NOISE = 1e-12;
/** Max difference to the given price at the answer, relative to the price and to its time value: a larger one is a jump of the prices of the model. */
const MAX_JUMP = { price: 1e-9, timeValue: 1e-6 } as const;

type PriceAt = (volatility: number) => number;
/** Two volatilities with their prices. The price wanted is between these, and the lower one can be the min price. */
type Bracket = {
  readonly low: number;
  readonly atLow: number;
  readonly high: number;
  readonly atHigh: number;
  readonly steps: number;
};

/**
 * Solves priceAt(volatility) = price in a bracket. Where the time value is small it rises by many powers of ten between two
 * volatilities, as exp(-c / volatility^2). So the search is for its logarithm, which is nearly linear in 1 / volatility^2.
 */
const rootIn = (priceAt: PriceAt, price: number, minPrice: number, bracket: Bracket): Inversion => {
  const wanted = price - minPrice;
  const valueOf = (found: number): number => {
    const timeValue = found - minPrice;
    return timeValue > 0 || Number.isNaN(timeValue) ? Math.log(timeValue / wanted) : -Infinity;
  };
  let { low, atLow, high, atHigh, steps } = bracket;
  while (valueOf(atLow) === -Infinity) {
    if (steps === MAX_SEARCH_STEPS) return { volatility: NOT_CONVERGED, iterations: steps };
    const volatility = low === 0 ? high / 4 : Math.sqrt(low * high);
    steps += 1;
    const found = priceAt(volatility);
    if (Number.isNaN(found)) return { volatility: NOT_CONVERGED, iterations: steps };
    if (found >= price) [high, atHigh] = [volatility, found];
    else [low, atLow] = [volatility, found];
  }
  const root = rootBetween({
    valueAt: (inverse) => valueOf(priceAt(1 / Math.sqrt(inverse))),
    first: 1 / (high * high),
    atFirst: valueOf(atHigh),
    second: 1 / (low * low),
    atSecond: valueOf(atLow),
    maxSteps: MAX_SEARCH_STEPS - steps,
  });
  const difference = Math.abs(Math.expm1(root.value)) * wanted;
  const isFound = root.x !== undefined && difference <= MAX_JUMP.price * price + MAX_JUMP.timeValue * wanted;
  return { volatility: isFound ? 1 / Math.sqrt(root.x) : NOT_CONVERGED, iterations: steps + root.steps };
};

/**
 * Solves priceAt(volatility) = price for a price function that rises with the volatility. The root is bracketed first.
 * @param maxModelVolatility the max volatility that the model prices. A root above it is not found.
 */
export const volatilityByRoot = (priceAt: PriceAt, price: number, maxModelVolatility = MAX_VOLATILITY): Inversion => {
  const max = Math.min(MAX_VOLATILITY, maxModelVolatility);
  const minPrice = priceAt(0);
  if (Number.isNaN(minPrice)) return { volatility: NOT_CONVERGED, iterations: 0 };
  if (price < minPrice * (1 - NOISE)) return { volatility: BELOW_INTRINSIC, iterations: 0 };
  if (price <= minPrice * (1 + NOISE)) return { volatility: NO_INFORMATION, iterations: 0 };
  let low = 0;
  let atLow = minPrice;
  let high = Math.min(FIRST_VOLATILITY, max);
  let atHigh = priceAt(high);
  let iterations = 1;
  /** The smallest volatility above `low` that the model did not price. */
  let notPriced = Infinity;
  for (let retreats = 0; !(atHigh >= price); iterations++) {
    if (Number.isNaN(atHigh)) {
      // The root may be below a volatility that the model does not price.
      if (++retreats > MAX_RETREATS) return { volatility: NOT_CONVERGED, iterations };
      notPriced = high;
    } else {
      // Below the max of all models, a higher volatility may give the price, but this model does not price it.
      if (high >= max) return { volatility: max < MAX_VOLATILITY ? NOT_CONVERGED : ABOVE_MAXIMUM, iterations };
      low = high;
      atLow = atHigh;
    }
    high = notPriced < Infinity ? 0.5 * (low + notPriced) : Math.min(4 * high, max);
    atHigh = priceAt(high);
    if (atHigh < price && notPriced - high < MIN_DISTANCE * high) return { volatility: NOT_CONVERGED, iterations };
  }
  return rootIn(priceAt, price, minPrice, { low, atLow, high, atHigh, steps: iterations });
};
