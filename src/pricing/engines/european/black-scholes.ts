import { exp } from '../../math/exp.ts';
import { logRatio } from '../../math/log-ratio.ts';
import { INV_SQRT_TWO_PI, normalCdf, normalPdf } from '../../math/normal.ts';
import { density, mills, millsDifference, SMALL_HALF_DEVIATION } from '../../math/normal-fast.ts';

/**
 * Black-Scholes-Merton with a continuous yield: F. Black and M. Scholes, J. Political Economy 81 (1973), 637-654; R. C.
 * Merton, Bell J. Economics 4 (1973), 141-183. Greeks as in E. G. Haug, "The Complete Guide to Option Pricing
 * Formulas", 2nd ed. (2007), chapter 2. In all functions `time` is in years, rate and yield are continuous and per
 * year, the volatility is per year, and `sign` is +1 for a call and -1 for a put.
 */

/** For a larger |d1|, exp(-d1^2 / 2) is 0 in doubles. */
const DENSITY_UNDERFLOW = 38.6;

/**
 * Price of the out-of-the-money option with log-moneyness -distance and deviation = volatility * sqrt(time). `near` is
 * the smaller and `far` the larger of the discounted forward and the discounted strike. The result does not suffer from
 * cancellation: both terms share the factor near * phi(d1) = far * phi(d2), and if they nearly cancel, their difference
 * is computed as a series.
 */
export const outOfTheMoney = (near: number, distance: number, deviation: number): number => {
  if (deviation === 0) return 0;
  const h = -distance / deviation;
  const t = 0.5 * deviation;
  const d1 = h + t;
  if (Math.abs(d1) > DENSITY_UNDERFLOW) return d1 > 0 ? near : 0;
  const weight = near * (INV_SQRT_TWO_PI * density(d1));
  if (t < SMALL_HALF_DEVIATION * (1 - h)) return weight * millsDifference(h, t);
  if (d1 <= 0) return weight * (mills(-d1) - mills(t - h));
  return near - weight * (mills(d1) + mills(t - h));
};

/** Below this log-moneyness the difference of the rounded asset and cash loses digits to cancellation. */
const NEAR_THE_MONEY = 0.05;

/**
 * asset - cash without cancellation near the money. `x` is the log of their ratio, `growth` the part of `x` that comes
 * from rate and yield. `asset` is the discounted forward, `cash` the discounted strike.
 */
export const intrinsic = (
  spot: number,
  strike: number,
  x: number,
  growth: number,
  asset: number,
  cash: number,
): number => {
  if (growth === 0) return (asset / spot) * (spot - strike);
  return Math.abs(x) < NEAR_THE_MONEY ? cash * Math.expm1(x) : asset - cash;
};

/** Price of a European option on a spot. */
export const blackScholesPrice = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
): number => {
  const asset = dividendYield === 0 ? spot : spot * exp(-dividendYield * time);
  const cash = rate === 0 ? strike : strike * exp(-rate * time);
  const growth = (rate - dividendYield) * time;
  const x = logRatio(spot, strike) + growth;
  const timeValue = outOfTheMoney(x <= 0 ? asset : cash, Math.abs(x), volatility * Math.sqrt(time));
  return sign * x > 0 ? sign * intrinsic(spot, strike, x, growth, asset, cash) + timeValue : timeValue;
};

/**
 * Writes the price and the 16 greeks to `out`, in the order of `outputNames`. At zero deviation they are the limits
 * from above. Away from the money these are the derivatives of the discounted payoff. At the money they are finite if
 * the limit is finite, else NaN or an infinity.
 */
export const blackScholesEvaluate = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  out: Float64Array,
): void => {
  const carry = rate - dividendYield;
  const yieldDiscount = exp(-dividendYield * time);
  const rateDiscount = exp(-rate * time);
  const asset = spot * yieldDiscount;
  const cash = strike * rateDiscount;
  const root = Math.sqrt(time);
  const deviation = volatility * root;
  const growth = carry * time;
  const x = logRatio(spot, strike) + growth;
  const atTheMoney = x === 0;
  // At the money with time and volatility both zero, the limit of d1 depends on the path to it unless the carry is 0.
  const pathDependent = atTheMoney && time === 0 && volatility === 0 && carry !== 0;
  const h = atTheMoney ? (pathDependent ? Number.NaN : 0) : x / deviation;
  const d1 = h + 0.5 * deviation;
  const d2 = h - 0.5 * deviation;
  const n1 = normalCdf(sign * d1);
  const n2 = normalCdf(sign * d2);
  const timeValue = outOfTheMoney(x <= 0 ? asset : cash, Math.abs(x), deviation);

  out[0] = sign * x > 0 ? sign * intrinsic(spot, strike, x, growth, asset, cash) + timeValue : timeValue;
  out[1] = sign * yieldDiscount * n1;
  out[5] = sign * time * cash * n2;
  out[6] = -sign * time * asset * n1;
  out[15] = -sign * rateDiscount * n2;
  const drift = sign * (dividendYield * asset * n1 - rate * cash * n2);
  const yieldDrift = dividendYield === 0 ? 0 : sign * dividendYield * yieldDiscount * n1;

  const phi = pathDependent ? INV_SQRT_TWO_PI : normalPdf(d1);
  if (phi === 0) {
    // Every remaining term has the factor phi(d1), which falls faster than the other factors grow.
    out.fill(0, 2, 5);
    out.fill(0, 7, 15);
    out[4] = drift;
    out[9] = yieldDrift;
    out[16] = 0;
    return;
  }
  const weight = yieldDiscount * phi;
  const gamma = weight / (spot * deviation);
  const vega = spot * weight * root;
  const product = d1 * d2;
  // At the money these quotients are constants. The constants are also their limits at zero deviation.
  const d1PerDeviation = atTheMoney ? 0.5 : d1 / deviation;
  const d2PerVolatility = atTheMoney ? -0.5 * root : d2 / volatility;
  const carryPerDeviation = carry === 0 ? 0 : carry / deviation;
  const d1ByTime = carryPerDeviation - (atTheMoney ? (-0.25 * volatility) / root : d2 / (2 * time));
  out[2] = gamma;
  out[3] = vega;
  out[4] = drift - (spot * weight * volatility) / (2 * root);
  out[7] = -weight * d2PerVolatility;
  out[8] = vega * d1 * d2PerVolatility;
  out[9] = yieldDrift - weight * d1ByTime;
  out[10] = vega * (dividendYield + carry * d1PerDeviation - (1 + product) / (2 * time));
  out[11] = (-gamma / spot) * (d1PerDeviation + 1);
  out[12] = (gamma * (product - 1)) / volatility;
  out[13] = gamma * (dividendYield + 1 / (2 * time) + d1 * d1ByTime);
  out[14] = atTheMoney
    ? -vega * time * (0.25 - (deviation * deviation) / 16)
    : ((-vega / volatility) * (product * (1 - product) + d1 * d1 + d2 * d2)) / volatility;
  out[16] = (rateDiscount * normalPdf(d2)) / (strike * deviation);
};

/**
 * Writes only price, delta, gamma, vega, theta, rho and dividend_rho to `out`. This takes a third of the time of
 * `blackScholesEvaluate`, because all of them use the same density and the same two Mills ratios.
 */
export const blackScholesFirstOrder = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  out: Float64Array,
): void => {
  const root = Math.sqrt(time);
  const deviation = volatility * root;
  const yieldDiscount = dividendYield === 0 ? 1 : exp(-dividendYield * time);
  const asset = spot * yieldDiscount;
  const cash = rate === 0 ? strike : strike * exp(-rate * time);
  const growth = (rate - dividendYield) * time;
  const x = logRatio(spot, strike) + growth;
  const callIsOutOfTheMoney = x <= 0;
  const near = callIsOutOfTheMoney ? asset : cash;
  const h = -Math.abs(x) / deviation;
  const t = 0.5 * deviation;
  const d1 = h + t;
  const far = callIsOutOfTheMoney ? cash : asset;
  // Both discounts are 0 if `far` is, and the tail of `far` is a quotient by it.
  if (!(deviation > 0 && far > 0 && Math.abs(d1) < DENSITY_UNDERFLOW && h > -DENSITY_UNDERFLOW)) {
    blackScholesEvaluate(spot, strike, time, rate, dividendYield, volatility, sign, out);
    return;
  }
  const phi = INV_SQRT_TWO_PI * density(d1);
  const weight = near * phi;
  const nearRatio = mills(Math.abs(d1));
  const farRatio = mills(t - h);
  const nearTail = phi * nearRatio;
  const farTail = (weight / far) * farRatio;
  let timeValue = near - weight * (nearRatio + farRatio);
  if (t < SMALL_HALF_DEVIATION * (1 - h)) timeValue = weight * millsDifference(h, t);
  else if (d1 <= 0) timeValue = weight * (nearRatio - farRatio);
  // The probabilities of both terms: the tail for the out-of-the-money option, 1 less the tail for the other.
  const isOutOfTheMoney = callIsOutOfTheMoney === sign > 0;
  const nearProbability = d1 <= 0 === isOutOfTheMoney ? nearTail : 1 - nearTail;
  const farProbability = isOutOfTheMoney ? farTail : 1 - farTail;
  const n1 = callIsOutOfTheMoney ? nearProbability : farProbability;
  const n2 = callIsOutOfTheMoney ? farProbability : nearProbability;
  out[0] = isOutOfTheMoney ? timeValue : sign * intrinsic(spot, strike, x, growth, asset, cash) + timeValue;
  out[1] = sign * yieldDiscount * n1;
  out[2] = weight / (spot * spot * deviation);
  out[3] = weight * root;
  out[4] = sign * (dividendYield * asset * n1 - rate * cash * n2) - (weight * volatility) / (2 * root);
  out[5] = sign * time * cash * n2;
  out[6] = -sign * time * asset * n1;
};
