import { signOf, type PricingEngine, type SpotOption } from '../../models/engine.ts';
import {
  hasTwoBoundaries,
  isNeverExercisedEarly,
  isWithoutVolatility,
  NEGLIGIBLE_DEVIATION,
  twoBoundariesRefusal,
} from './american-limits.ts';
import { createPanelPut, type PanelPut } from './panels/panel-put.ts';
import { writePanelGreeks } from './panels/panel-greeks.ts';
import { defaultSteps } from '../../models/inputs.ts';
import { indexOfOutput } from '../../models/outputs.ts';
import { noLook, type SearchLook } from '../../models/search-watch.ts';
import { SlowCalculation, type EngineSite } from '../../models/slow-calculation.ts';
import { threadMs } from '../../models/thread-ms.ts';
import { createAdaptiveAmerican } from './adaptive-american.ts';
import type { Precision } from './precision.ts';
import { bawPrice } from './baw.ts';
import { binomialPrice } from './binomial-lr.ts';
import { dividendRefusal } from '../european/black-scholes-engine.ts';
import type { Refusal } from '../european/implied.ts';
import { spotInputsOf, writeNumericGreeks, type SpotKernel } from '../numeric-greeks.ts';
import { volatilityByRoot } from '../european/root-volatility.ts';

/**
 * Steps of the finite differences in `writeNumericGreeks`. The step of the spot is relative to the deviation of the spot,
 * spot x volatility x sqrt(time). The steps of volatility and time are relative to the volatility and the time. The tree
 * needs the larger step, because its price is not smooth over small differences of the inputs.
 */
const SMOOTH_STEP = 0.02;
const TREE_STEP = 0.1;
/**
 * Max processor time of a search for the volatility of an option with two boundaries. Nothing can interrupt it, and each of its
 * prices can take 0.6 s.
 */
const MAX_SEARCH_MS = 3_000;

const priceWith = (kernel: SpotKernel, o: SpotOption, volatility: number): number =>
  kernel(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, volatility, signOf(o));

/**
 * True if the American put has the price of the European put. `rate` and `dividendYield` are those of the put: for a call, the
 * two are exchanged before.
 */
const isEuropean = (rate: number, dividendYield: number): boolean =>
  !hasTwoBoundaries(rate, dividendYield) && isNeverExercisedEarly(rate, dividendYield);

/**
 * Makes an engine from a function for the price. The greeks are finite differences of the price, and the implied volatility is
 * found by a search. `docs/extending.md` says how a new model uses it.
 * @param kernelOf returns the function for the price of options with the settings of `option`, such as its precision. It must
 * not depend on the volatility of `option`, because the search changes the volatility
 * @param relativeStep the step of the finite differences, as `SMOOTH_STEP`
 * @param refusal the reason why an option has no price, undefined if it has one
 * @param look see `SearchLook`
 * @returns an engine that throws no other error: a price or greek that cannot be computed is NaN or an infinity
 */
const createKernelEngine = (
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

/**
 * Returns the engine for American options by Andersen, Lake and Offengenden (`andersen-lake.ts`). The price has the error bound
 * of the precision, or is NaN. The tables of a precision are built at its first use.
 *
 * A call is priced as the put with spot and strike exchanged and with rate and dividend yield exchanged (McDonald and Schroder,
 * `american-limits.ts`).
 * @param processorMs the processor time of this thread, which ends long searches
 * @throws SlowCalculation on the event loop, when only panels have the bound of the precision
 */
export const createAndersenLakeEngine = (
  site: EngineSite = 'process',
  look: SearchLook = noLook,
  processorMs = threadMs,
): PricingEngine<SpotOption> => {
  const openPanels = (): PanelPut => {
    if (site === 'event_loop') throw new SlowCalculation('These inputs need panels');
    return createPanelPut();
  };
  const kernels = new Map<Precision, SpotKernel>();
  const kernelOf = ({ precision = 'default' }: SpotOption): SpotKernel => {
    let kernel = kernels.get(precision);
    if (kernel === undefined) {
      kernel = createAdaptiveAmerican(precision, openPanels);
      kernels.set(precision, kernel);
    }
    return kernel;
  };
  let panels: PanelPut | undefined;
  const engine = createKernelEngine(kernelOf, SMOOTH_STEP, () => undefined, look);
  const putRatesOf = (o: SpotOption): readonly [rate: number, dividendYield: number] =>
    o.option_type === 'call' ? [o.dividend_yield, o.rate] : [o.rate, o.dividend_yield];
  /** Volga needs two more boundaries than the other greeks, so it is computed only with `withVolga`, else it may be NaN. */
  const writeGreeks = (o: SpotOption, out: Float64Array, withVolga: boolean): void => {
    const [putRate, putYield] = putRatesOf(o);
    const hasNoBoundary =
      isWithoutVolatility(o.time_to_expiry, o.volatility, NEGLIGIBLE_DEVIATION) || isEuropean(putRate, putYield);
    if (hasNoBoundary) engine.evaluate(o, out);
    else {
      panels ??= openPanels();
      writePanelGreeks(panels.boundaries, spotInputsOf(o), out, withVolga);
    }
    // `writePanelGreeks` writes no price, because its single mesh does not always reach the error bound of the precision.
    out[indexOfOutput.price] = engine.price(o);
  };
  return {
    ...engine,
    // The greeks come from the panels and not from price differences, because the adaptive method can change between two nearby
    // options, and the differences would then jump.
    evaluate: (o, out) => writeGreeks(o, out, true),
    firstOrder: (o, out) => writeGreeks(o, out, false),
    impliedVolatility: (o, price) => {
      const kernel = kernelOf(o);
      const end = hasTwoBoundaries(...putRatesOf(o)) ? processorMs() + MAX_SEARCH_MS : Infinity;
      const isLate = (): boolean => end < Infinity && processorMs() > end;
      return volatilityByRoot((volatility) => {
        look();
        return isLate() ? Number.NaN : priceWith(kernel, o, volatility);
      }, price);
    },
    // The answer has this reason when the price is not finite. There is no `refusal`, because only the calculation shows whether
    // the boundary is found.
    failure: {
      code: 'not_converged',
      detail:
        'The exercise boundary was not found within the error bound of the precision, or two boundaries meet before expiry. Use binomial_lr',
    },
  };
};

/**
 * Returns the engine for American options by the approximation of Barone-Adesi and Whaley. It is fast. The error of its prices is
 * up to 1e-2 of the strike at long expiries. It refuses options with two exercise boundaries.
 */
export const createBawEngine = (_site?: EngineSite, look: SearchLook = noLook): PricingEngine<SpotOption> =>
  createKernelEngine(() => bawPrice, SMOOTH_STEP, twoBoundariesRefusal, look);

/**
 * Returns the engine for American and European options on the tree of Leisen and Reimer. It refuses the same options with
 * dividends as the European engine, because both use the spot less the value of the dividends, which must be positive.
 */
export const createBinomialEngine = (_site?: EngineSite, look: SearchLook = noLook): PricingEngine<SpotOption> =>
  createKernelEngine(
    ({ exercise_style, steps = defaultSteps, dividends = [], time_to_expiry }) =>
      (spot, strike, time, rate, dividendYield, volatility, sign) => {
        // The finite difference of theta moves the valuation date: the dividends move by as much as the expiry.
        const shift = time - time_to_expiry;
        const shifted = shift === 0 ? dividends : dividends.map((paid) => ({ ...paid, time: paid.time + shift }));
        return binomialPrice(
          { spot, strike, time, rate, dividendYield, volatility, sign },
          { american: exercise_style === 'american', steps, dividends: shifted },
        );
      },
    TREE_STEP,
    dividendRefusal,
    look,
  );
