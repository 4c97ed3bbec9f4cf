import { signOf, type PricingEngine, type SpotOption } from '../../models/engine.ts';
import { dividendValue } from '../dividends.ts';
import { blackScholesEvaluate, blackScholesFirstOrder, blackScholesPrice } from './black-scholes.ts';
import { blackScholesImpliedVolatility, impliedBlackSteps } from './implied-black.ts';
import type { Refusal } from './implied.ts';

/**
 * The spot less the value of its dividends until expiry. It is not positive if the dividends are worth more than the
 * spot.
 */
const escrowedSpot = ({ spot, dividends, rate, time_to_expiry }: SpotOption): number =>
  dividends === undefined ? spot : spot - dividendValue(dividends, rate, 0, time_to_expiry);

/** Refuses an option whose dividends until expiry are worth more than the spot. */
export const dividendRefusal = (option: SpotOption): Refusal | undefined =>
  escrowedSpot(option) > 0
    ? undefined
    : { code: 'dividends_exceed_spot', detail: 'The dividends until expiry are worth more than the spot' };

/**
 * Adds the effect of discrete dividends to rho, theta, charm, veta and color. The escrowed spot depends on the rate and
 * on the calendar time, because the value of the dividends does.
 */
const addDividends = (o: SpotOption, out: Float64Array): void => {
  const value = o.spot - escrowedSpot(o);
  let byRate = 0;
  for (const { time, amount } of o.dividends ?? []) {
    if (time <= o.time_to_expiry) byRate += time * amount * Math.exp(-o.rate * time);
  }
  const speed = o.rate * value;
  out[4]! -= out[1]! * speed;
  out[5]! += out[1]! * byRate;
  out[9]! -= out[2]! * speed;
  out[10]! -= out[7]! * speed;
  out[13]! -= out[11]! * speed;
};

/**
 * European options on a spot, with discrete dividends in the escrowed model: E. G. Haug, "The Complete Guide to Option
 * Pricing Formulas", 2nd ed. (2007), section 9.1.1.
 */
export const createBlackScholesEngine = (): PricingEngine<SpotOption> => ({
  price: (o) => {
    const spot = o.dividends === undefined ? o.spot : escrowedSpot(o);
    if (!(spot > 0)) return Number.NaN;
    return blackScholesPrice(spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.volatility, signOf(o));
  },
  evaluate: (o, out) => {
    const spot = escrowedSpot(o);
    if (!(spot > 0)) {
      out.fill(Number.NaN);
      return;
    }
    blackScholesEvaluate(spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.volatility, signOf(o), out);
    if (o.dividends !== undefined) addDividends(o, out);
  },
  firstOrder: (o, out) => {
    const spot = escrowedSpot(o);
    if (!(spot > 0)) {
      out.fill(Number.NaN);
      return;
    }
    blackScholesFirstOrder(spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.volatility, signOf(o), out);
    if (o.dividends !== undefined) addDividends(o, out);
  },
  impliedVolatility: (o, price) => ({
    volatility: blackScholesImpliedVolatility(
      price,
      escrowedSpot(o),
      o.strike,
      o.time_to_expiry,
      o.rate,
      o.dividend_yield,
      signOf(o),
    ),
    iterations: impliedBlackSteps,
  }),
  refusal: dividendRefusal,
});
