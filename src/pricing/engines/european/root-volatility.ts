import { ABOVE_MAXIMUM, BELOW_INTRINSIC, NO_INFORMATION, NOT_CONVERGED, type Inversion } from './implied.ts';

const MAX_VOLATILITY = 100;
const FIRST_VOLATILITY = 0.25;
const MAX_STEPS = 100;
/** Max number of volatilities without a price that the search for a bracket tries. */
const MAX_RETREATS = 6;
/** Relative distance to a volatility without a price at which the search for a bracket ends. */
const MIN_DISTANCE = 1e-2;
const TOLERANCE = 1e-13;
/** Relative distance to the min price below which the time value has no correct digit. */
const NOISE = 1e-12;

/**
 * Solves priceAt(volatility) = price between two volatilities where the price rises. `atLow` and `atHigh` are the differences to
 * the price there, the first is not positive and the second not negative. By the method of N. Anderson and A. Bjorck, "A new
 * high order method of regula falsi type", BIT 13 (1973), 253-264. Every fourth step is a bisection. `iterations` are the steps
 * so far.
 */
// oxlint-disable-next-line complexity -- one loop of a numerical method, whose cases share many values
export const rootBetween = (
  priceAt: (volatility: number) => number,
  price: number,
  low: number,
  atLow: number,
  high: number,
  atHigh: number,
  iterations: number,
): Inversion => {
  let last = 0;
  while (high - low > TOLERANCE * high) {
    if (atHigh === 0) return { volatility: high, iterations };
    if (++iterations > MAX_STEPS) return { volatility: NOT_CONVERGED, iterations };
    const x = iterations % 4 === 0 ? 0.5 * (low + high) : (low * atHigh - high * atLow) / (atHigh - atLow);
    const value = priceAt(x) - price;
    if (Number.isNaN(value)) return { volatility: NOT_CONVERGED, iterations };
    // The value at the end that does not move is reduced, so that the next secant step ends on the other side of the
    // root.
    if (value > 0) {
      const weight = 1 - value / atHigh;
      if (last > 0) atLow *= weight > 0 ? weight : 0.5;
      last = 1;
      high = x;
      atHigh = value;
    } else {
      const weight = 1 - value / atLow;
      if (last < 0) atHigh *= weight > 0 ? weight : 0.5;
      last = -1;
      low = x;
      atLow = value;
      if (value === 0) return { volatility: x, iterations };
    }
  }
  return { volatility: high, iterations };
};

/**
 * Solves priceAt(volatility) = price for a price function that rises with the volatility. The root is bracketed first.
 * @param maxModelVolatility the max volatility that the model prices. A root above it is not found.
 */
export const volatilityByRoot = (
  priceAt: (volatility: number) => number,
  price: number,
  maxModelVolatility = MAX_VOLATILITY,
): Inversion => {
  const max = Math.min(MAX_VOLATILITY, maxModelVolatility);
  const minPrice = priceAt(0);
  if (Number.isNaN(minPrice)) return { volatility: NOT_CONVERGED, iterations: 0 };
  if (price < minPrice * (1 - NOISE)) return { volatility: BELOW_INTRINSIC, iterations: 0 };
  if (price <= minPrice * (1 + NOISE)) return { volatility: NO_INFORMATION, iterations: 0 };
  let low = 0;
  let atLow = minPrice - price;
  let high = Math.min(FIRST_VOLATILITY, max);
  let atHigh = priceAt(high) - price;
  let iterations = 1;
  /** The smallest volatility above `low` that the model did not price. */
  let notPriced = Infinity;
  for (let retreats = 0; !(atHigh >= 0); iterations++) {
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
    atHigh = priceAt(high) - price;
    if (atHigh < 0 && notPriced - high < MIN_DISTANCE * high) return { volatility: NOT_CONVERGED, iterations };
  }
  return rootBetween(priceAt, price, low, atLow, high, atHigh, iterations);
};
