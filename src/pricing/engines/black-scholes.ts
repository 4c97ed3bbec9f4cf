import { signOf, type PricingEngine, type SpotOption } from '../engine.ts';
import { gaussian, INV_SQRT_TWO_PI, millsRatio, normalCdf, normalPdf } from '../math/normal.ts';
import { millsDifference } from '../math/mills.ts';

/**
 * Black-Scholes-Merton with a continuous yield: F. Black and M. Scholes, J. Political Economy 81 (1973), 637-654;
 * R. C. Merton, Bell J. Economics 4 (1973), 141-183. Greeks as in E. G. Haug, "The Complete Guide to Option Pricing
 * Formulas", 2nd ed. (2007), chapter 2.
 */

/** ln(a / b), relatively accurate for a near b: the subtraction is exact within a factor of two. */
const logRatio = (a: number, b: number): number => {
  const ratio = a / b;
  return ratio > 0.5 && ratio < 2 ? Math.log1p((a - b) / b) : Math.log(ratio);
};

/** Under this share of 1 + |h| the difference of two near-equal terms is replaced by its Taylor series. */
const SMALL_HALF_DEVIATION = 0.02;

/**
 * Price of the out-of-the-money side with log-moneyness -distance and deviation = volatility * sqrt(time): `near` is
 * the smaller, `far` the larger of the discounted forward and discounted strike. No cancellation: the two terms share
 * the factor near * phi(d1) = far * phi(d2), and where they nearly cancel their difference is a series.
 */
const outOfTheMoney = (near: number, far: number, distance: number, deviation: number): number => {
  if (deviation === 0) return 0;
  const h = -distance / deviation;
  const t = 0.5 * deviation;
  const d1 = h + t;
  if (t < SMALL_HALF_DEVIATION * (1 - h)) return near * INV_SQRT_TWO_PI * gaussian(d1) * differenceAt(h, t);
  if (d1 <= 0) return near * INV_SQRT_TWO_PI * gaussian(d1) * (millsRatio(d1) - millsRatio(h - t));
  return near * normalCdf(d1) - far * normalCdf(h - t);
};

/** Beyond h = -40 the density is 0 whatever the difference is. */
const differenceAt = (h: number, t: number): number => (h < -40 ? 0 : millsDifference(h, t));

/**
 * asset - cash near the money from what they have in common, since the difference of the two rounded products cancels:
 * `x` is the log of their ratio, `growth` its part that is not in the spot.
 */
const intrinsic = (spot: number, strike: number, x: number, growth: number, asset: number, cash: number): number => {
  if (growth === 0) return (asset / spot) * (spot - strike);
  return Math.abs(x) < 0.5 ? cash * Math.expm1(x) : asset - cash;
};

/** Spot, strike, years, rate, yield, volatility, sign (+1 call, -1 put) -> price. */
export const blackScholesPrice = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
): number => {
  const asset = spot * Math.exp(-dividendYield * time);
  const cash = strike * Math.exp(-rate * time);
  const growth = (rate - dividendYield) * time;
  const x = logRatio(spot, strike) + growth;
  const deviation = volatility * Math.sqrt(time);
  const outside = x <= 0 ? outOfTheMoney(asset, cash, -x, deviation) : outOfTheMoney(cash, asset, x, deviation);
  return sign * x > 0 ? sign * intrinsic(spot, strike, x, growth, asset, cash) + outside : outside;
};

/**
 * Writes price and the 16 greeks. At zero deviation they are the limits from above: those of the discounted payoff
 * away from the money; at the money what stays finite, NaN or an infinity elsewhere.
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
  const yieldDiscount = Math.exp(-dividendYield * time);
  const rateDiscount = Math.exp(-rate * time);
  const asset = spot * yieldDiscount;
  const cash = strike * rateDiscount;
  const root = Math.sqrt(time);
  const deviation = volatility * root;
  const growth = carry * time;
  const x = logRatio(spot, strike) + growth;
  const atTheMoney = x === 0;
  // With time and volatility both zero at the money, d1 tends to a value that depends on the way there unless carry is 0.
  const pathDependent = atTheMoney && time === 0 && volatility === 0 && carry !== 0;
  const h = atTheMoney ? (pathDependent ? Number.NaN : 0) : x / deviation;
  const d1 = h + 0.5 * deviation;
  const d2 = h - 0.5 * deviation;
  const n1 = normalCdf(sign * d1);
  const n2 = normalCdf(sign * d2);
  const outside = x <= 0 ? outOfTheMoney(asset, cash, -x, deviation) : outOfTheMoney(cash, asset, x, deviation);

  out[0] = sign * x > 0 ? sign * intrinsic(spot, strike, x, growth, asset, cash) + outside : outside;
  out[1] = sign * yieldDiscount * n1;
  out[5] = sign * time * cash * n2;
  out[6] = -sign * time * asset * n1;
  out[15] = -sign * rateDiscount * n2;
  const drift = sign * (dividendYield * asset * n1 - rate * cash * n2);
  const yieldDrift = dividendYield === 0 ? 0 : sign * dividendYield * yieldDiscount * n1;

  const density = pathDependent ? INV_SQRT_TWO_PI : normalPdf(d1);
  if (density === 0) {
    // Every remaining term carries phi(d1), which is 0 faster than anything beside it grows.
    out.fill(0, 2, 5);
    out.fill(0, 7, 15);
    out[4] = drift;
    out[9] = yieldDrift;
    out[16] = 0;
    return;
  }
  const weight = yieldDiscount * density;
  const gamma = weight / (spot * deviation);
  const vega = spot * weight * root;
  const product = d1 * d2;
  // At the money these quotients are constants, which keeps their limits at zero deviation.
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

export const createBlackScholesEngine = (): PricingEngine<SpotOption> => ({
  price: (o) =>
    blackScholesPrice(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.volatility, signOf(o)),
  evaluate: (o, out) =>
    blackScholesEvaluate(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.volatility, signOf(o), out),
});
