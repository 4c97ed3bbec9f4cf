import { signOf, type PricingEngine, type SpotOption } from '../../models/engine.ts';
import type { SearchLook } from '../../models/search-watch.ts';
import type { Refusal } from '../european/implied.ts';
import { volatilityByRoot } from '../european/root-volatility.ts';
import { spotInputsOf, writeNumericGreeks, type SpotKernel } from '../numeric-greeks.ts';

export const priceWith = (kernel: SpotKernel, o: SpotOption, volatility: number): number =>
  kernel(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, volatility, signOf(o));

/**
 * Makes an engine from a function for the price. The greeks are finite differences of the price, and the implied volatility is
 * found by a search. `docs/extending.md` says how a new model uses it.
 * @param kernelOf returns the function for the price of options with the settings of `option`, such as its precision. It must
 * not depend on the volatility of `option`, because the search changes the volatility
 * @param relativeStep the step of the finite differences, as in `writeNumericGreeks`
 * @param refusal the reason why an option has no price, undefined if it has one
 * @param look see `SearchLook`
 * @returns an engine that throws no other error: a price or greek that cannot be computed is NaN or an infinity
 */
export const createKernelEngine = (
  kernelOf: (option: SpotOption) => SpotKernel,
  relativeStep: number,
  refusal: (option: SpotOption) => Refusal | undefined,
  look: SearchLook,
): PricingEngine<SpotOption> => ({
  price: (o) => priceWith(kernelOf(o), o, o.volatility),
  evaluate: (o, out) => writeNumericGreeks(kernelOf(o), spotInputsOf(o), relativeStep, out),
  impliedVolatility: (o, price) => {
    const kernel = kernelOf(o);
    return volatilityByRoot((volatility) => {
      look();
      return priceWith(kernel, o, volatility);
    }, price);
  },
  refusal,
});
