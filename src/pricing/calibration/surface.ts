import { blackScholesPrice } from '../engines/european/black-scholes.ts';
import { impliedDeviation } from '../engines/european/implied-black.ts';
import { INV_SQRT_TWO_PI } from '../math/normal.ts';
import type { Quote } from './read-calibration.ts';

/** A quote in the units of the fit: prices of the out-of-the-money option, divided by the discounted forward. */
export type SurfacePoint = {
  /** ln(forward / strike). */
  readonly x: number;
  /** Years. */
  readonly time: number;
  /** Spot times the discount of the yield, in which `market` is measured. */
  readonly asset: number;
  readonly market: number;
  readonly volatility: number;
  /** Derivative of `market` with respect to the volatility. */
  readonly vega: number;
  readonly weight: number;
};

/** Min vega of a quote in the fit to volatilities, as a share of the vega at the money for the same expiry. */
const MIN_VEGA = 0.05;

/** Price of the out-of-the-money option in units of the discounted forward. */
const outOfTheMoney = (x: number, time: number, volatility: number): number =>
  blackScholesPrice(1, Math.exp(-x), time, 0, 0, volatility, x <= 0 ? 1 : -1);

export const surfacePoint = (quote: Quote, spot: number, rate: number, dividendYield: number): SurfacePoint => {
  const { strike, time, volatility, weight } = quote;
  const x = Math.log(spot / strike) + (rate - dividendYield) * time;
  const root = Math.sqrt(time);
  const d1 = x / (volatility * root) + 0.5 * volatility * root;
  const atTheMoney = INV_SQRT_TWO_PI * root * Math.exp(-0.125 * volatility * volatility * time);
  return {
    x,
    time,
    asset: spot * Math.exp(-dividendYield * time),
    market: outOfTheMoney(x, time, volatility),
    volatility,
    vega: Math.max(INV_SQRT_TWO_PI * root * Math.exp(-0.5 * d1 * d1), MIN_VEGA * atTheMoney),
    weight,
  };
};

/** The implied volatility of a price in units of the discounted forward; undefined if the price has none. */
export const volatilityOf = (x: number, time: number, price: number): number | undefined => {
  const max = Math.exp(-0.5 * Math.abs(x));
  const beta = price * Math.exp(0.5 * x);
  if (!(beta > 0) || !(beta < max)) return undefined;
  const volatility = impliedDeviation(-Math.abs(x), beta, max) / Math.sqrt(time);
  return volatility > 0 && volatility < Infinity ? volatility : undefined;
};
