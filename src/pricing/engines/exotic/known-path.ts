import { blackScholesEvaluate } from '../european/black-scholes.ts';
import type { Market } from './level-terms.ts';

/**
 * Writes price and greeks of a barrier option without time or volatility. The spot moves along its forward price, so it
 * touches the barrier before expiry if the forward price at expiry is on or beyond it. `direction` is +1 for a barrier below the
 * spot, -1 above. Where the path ends on the barrier, the greeks have no limit.
 */
export const writeKnownPath = (
  { spot, strike, time, rate, dividendYield, carry, discount, distance }: Market,
  sign: number,
  direction: number,
  isKnockIn: boolean,
  rebate: number,
  out: Float64Array,
): void => {
  const beyond = direction * (carry * time - distance);
  const isTouched = beyond <= 0;
  if (isTouched === isKnockIn) blackScholesEvaluate(spot, strike, time, rate, dividendYield, 0, sign, out);
  else out.fill(0);
  if (isKnockIn && !isTouched) {
    out[0] = rebate * discount;
    out[4] = rate * out[0];
    out[5] = -time * out[0];
  }
  if (!isKnockIn && isTouched) {
    // The barrier is touched after distance / carry years.
    const power = rate / carry;
    const value = rebate * Math.exp(-power * distance);
    out[0] = value;
    out[1] = (power * value) / spot;
    out[2] = ((power - 1) * out[1]) / spot;
    out[5] = (value * distance * (power - 1)) / carry;
    out[6] = (-value * distance * power) / carry;
    out[11] = ((power - 2) * out[2]) / spot;
  }
  if (beyond === 0) out.fill(Number.NaN, 1);
};
