import { signOf, type ForwardOption, type PricingEngine } from '../../models/engine.ts';
import { blackScholesEvaluate, blackScholesFirstOrder, blackScholesPrice } from './black-scholes.ts';
import { black76ImpliedVolatility, impliedBlackSteps } from './implied-black.ts';

/**
 * Price of a European option on a forward: F. Black, "The pricing of commodity contracts", J. Financial Economics 3
 * (1976), 167-179. It is Black-Scholes-Merton on the forward with the yield equal to the rate. The derivatives hold the
 * forward fixed, so rho = -time * price. The dividend_rho is 0, because the dividend yield is part of the forward.
 */
export const black76Price = (
  forward: number,
  strike: number,
  time: number,
  rate: number,
  volatility: number,
  sign: number,
): number => blackScholesPrice(forward, strike, time, rate, rate, volatility, sign);

/** Writes the price and the 16 greeks with respect to the forward to `out`, in the order of `outputNames`. */
export const black76Evaluate = (
  forward: number,
  strike: number,
  time: number,
  rate: number,
  volatility: number,
  sign: number,
  out: Float64Array,
): void => {
  blackScholesEvaluate(forward, strike, time, rate, rate, volatility, sign, out);
  out[5] = -time * out[0]!;
  out[6] = 0;
};

const firstOrder = (o: ForwardOption, out: Float64Array): void => {
  blackScholesFirstOrder(o.forward, o.strike, o.time_to_expiry, o.rate, o.rate, o.volatility, signOf(o), out);
  out[5] = -o.time_to_expiry * out[0]!;
  out[6] = 0;
};

export const createBlack76Engine = (): PricingEngine<ForwardOption> => ({
  price: (o) => black76Price(o.forward, o.strike, o.time_to_expiry, o.rate, o.volatility, signOf(o)),
  evaluate: (o, out) => black76Evaluate(o.forward, o.strike, o.time_to_expiry, o.rate, o.volatility, signOf(o), out),
  firstOrder,
  impliedVolatility: (o, price) => ({
    volatility: black76ImpliedVolatility(price, o.forward, o.strike, o.time_to_expiry, o.rate, signOf(o)),
    iterations: impliedBlackSteps,
  }),
});
