import { blackScholesEvaluate } from '../european/black-scholes.ts';
import { createHestonIntegral, integralCount } from './heston-integral.ts';
import type { HestonInputs } from '../../models/engine.ts';

/**
 * Writes the price and, with `greeks`, the greeks of `hestonOutputs` to `out`, in the order of `outputNames`. `time` is
 * in years; rate and yield are continuous and per year; `sign` is +1 for a call, -1 for a put.
 */
export type Heston = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  model: HestonInputs,
  sign: number,
  greeks: boolean,
  out: Float64Array,
) => void;

/**
 * S. L. Heston, "A closed-form solution for options with stochastic volatility", Review of Financial Studies 6 (1993),
 * 327-343, with the integrals of heston-integral.ts. The greeks come from the same integrals. Vega, vanna and volga are
 * derivatives with respect to the initial volatility sqrt(v0). Theta follows from the partial differential equation.
 * @param maxTerms as in `createHestonIntegral`
 */
export const createHeston = (maxTerms = Infinity): Heston => {
  const integrate = createHestonIntegral(maxTerms);
  const sums = new Float64Array(integralCount);

  return (spot, strike, time, rate, dividendYield, model, sign, greeks, out) => {
    const forward = spot * Math.exp((rate - dividendYield) * time);
    const discount = Math.exp(-rate * time);
    const { v0, kappa, theta, sigma, rho } = model;
    if (time === 0 || (v0 === 0 && kappa * theta === 0)) {
      // The path of the spot is known, so the price and greeks are those of Black and Scholes without volatility.
      blackScholesEvaluate(spot, strike, time, rate, dividendYield, 0, sign, out);
      return;
    }
    const x = Math.log(forward / strike);
    integrate({ x, time, model, greeks }, sums);
    const outOfTheMoneySign = x <= 0 ? 1 : -1;
    // Parity adds the discounted forward payoff to the price of the out-of-the-money option.
    const paritySign = outOfTheMoneySign === sign ? 0 : sign;
    const price =
      discount * (forward * Math.min(Math.max(sums[0]!, 0), 1, strike / forward) + paritySign * (forward - strike));
    out[0] = price;
    if (!greeks) return;
    const perSpot = forward / spot;
    const delta = discount * perSpot * (sums[1]! + paritySign);
    const gamma = (discount * perSpot * sums[2]!) / spot;
    const byVariance = discount * forward * sums[4]!;
    const byVariance2 = discount * forward * sums[5]!;
    const mixed = discount * perSpot * sums[6]!;
    const root = Math.sqrt(v0);
    out.fill(Number.NaN);
    out[0] = price;
    out[1] = delta;
    out[2] = gamma;
    out[3] = 2 * root * byVariance;
    out[4] =
      rate * price -
      (rate - dividendYield) * spot * delta -
      0.5 * v0 * spot * spot * gamma -
      rho * sigma * v0 * spot * mixed -
      0.5 * sigma * sigma * v0 * byVariance2 -
      kappa * (theta - v0) * byVariance;
    out[5] = time * (spot * delta - price);
    out[6] = -time * spot * delta;
    out[7] = 2 * root * mixed;
    out[8] = 2 * byVariance + 4 * v0 * byVariance2;
    out[11] = (discount * perSpot * sums[3]!) / (spot * spot);
    out[15] = (price - spot * delta) / strike;
    out[16] = (gamma * spot * spot) / (strike * strike);
  };
};
