import { signOf, type ForwardOption, type PricingEngine } from '../../models/engine.ts';
import { normalCdf, normalPdf } from '../../math/normal.ts';
import { millsPrime } from '../../math/normal-fast.ts';
import { bachelierImpliedVolatility } from './implied-bachelier.ts';

/**
 * Normal model on the forward: L. Bachelier, "Theorie de la speculation" (1900), in the discounted form of E. G. Haug,
 * "The Complete Guide to Option Pricing Formulas", 2nd ed. (2007), section 1.3.2. The out-of-the-money price is
 * discount * deviation * phi(d) * Y'(-|d|) with the Mills ratio Y, because this form does not cancel in the tail.
 */
const outOfTheMoney = (moneyness: number, deviation: number): number => {
  if (deviation === 0) return 0;
  const distance = Math.abs(moneyness) / deviation;
  const density = normalPdf(distance);
  return density === 0 ? 0 : deviation * density * millsPrime(distance);
};

/**
 * Price of a European option on a forward. Forward and strike may be negative; `time` is in years; the volatility is
 * absolute (price units per square root of a year); `sign` is +1 for a call, -1 for a put.
 */
export const bachelierPrice = (
  forward: number,
  strike: number,
  time: number,
  rate: number,
  volatility: number,
  sign: number,
): number => {
  const moneyness = sign * (forward - strike);
  const timeValue = outOfTheMoney(moneyness, volatility * Math.sqrt(time));
  return Math.exp(-rate * time) * (moneyness > 0 ? moneyness + timeValue : timeValue);
};

/**
 * Writes the price and the 16 greeks to `out`, in the order of `outputNames`. The greeks are derivatives with respect
 * to the forward, and rho holds the forward fixed (rho = -time * price, dividend_rho = 0). At zero deviation they are
 * the limits from above, or NaN or an infinity if the limit does not exist.
 */
export const bachelierEvaluate = (
  forward: number,
  strike: number,
  time: number,
  rate: number,
  volatility: number,
  sign: number,
  out: Float64Array,
): void => {
  const discount = Math.exp(-rate * time);
  const root = Math.sqrt(time);
  const deviation = volatility * root;
  const atTheMoney = forward === strike;
  const d = atTheMoney ? 0 : (forward - strike) / deviation;
  const price = bachelierPrice(forward, strike, time, rate, volatility, sign);
  const delta = sign * discount * normalCdf(sign * d);
  out[0] = price;
  out[1] = delta;
  out[5] = -time * price;
  out[6] = 0;
  out[15] = -delta;

  const weight = discount * normalPdf(d);
  if (weight === 0) {
    // Every remaining term has the factor phi(d), which falls faster than the other factors grow.
    out.fill(0, 2, 5);
    out.fill(0, 7, 15);
    out[4] = rate * price;
    out[9] = rate * delta;
    out[16] = 0;
    return;
  }
  const square = d * d;
  const gamma = weight / deviation;
  const vega = weight * root;
  const dPerVolatility = atTheMoney ? 0 : d / volatility;
  out[2] = gamma;
  out[3] = vega;
  out[4] = rate * price - (weight * volatility) / (2 * root);
  out[7] = -weight * dPerVolatility;
  out[8] = vega * d * dPerVolatility;
  out[9] = rate * delta + (atTheMoney ? 0 : (weight * d) / (2 * time));
  out[10] = vega * (rate - (1 + square) / (2 * time));
  out[11] = atTheMoney ? 0 : (-gamma * d) / deviation;
  out[12] = (gamma * (square - 1)) / volatility;
  out[13] = gamma * (rate - (square - 1) / (2 * time));
  out[14] = vega * dPerVolatility * dPerVolatility * (square - 3);
  out[16] = gamma;
};

export const createBachelierEngine = (): PricingEngine<ForwardOption> => ({
  price: (o) => bachelierPrice(o.forward, o.strike, o.time_to_expiry, o.rate, o.volatility, signOf(o)),
  evaluate: (o, out) => bachelierEvaluate(o.forward, o.strike, o.time_to_expiry, o.rate, o.volatility, signOf(o), out),
  impliedVolatility: (o, price) =>
    bachelierImpliedVolatility(price, o.forward, o.strike, o.time_to_expiry, o.rate, signOf(o)),
});
