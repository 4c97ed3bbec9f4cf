import { signOf, type PricingEngine, type SpotOption } from '../../models/engine.ts';
import {
  hasTwoBoundaries,
  isNeverExercisedEarly,
  isPathKnown,
  KNOWN_DEVIATION,
  twoBoundaries,
} from './american-limits.ts';
import { createPanelPut } from './panels/panel-put.ts';
import { writePanelGreeks } from './panels/panel-greeks.ts';
import { indexOfOutput } from '../../models/outputs.ts';
import { createAdaptiveAmerican } from './adaptive-american.ts';
import type { Precision } from './precision.ts';
import { bawPrice } from './baw.ts';
import { binomialPrice } from './binomial-lr.ts';
import { dividendRefusal } from '../european/black-scholes-engine.ts';
import type { Refusal } from '../european/implied.ts';
import { spotInputsOf, writeNumericGreeks, type SpotKernel } from '../numeric-greeks.ts';
import { volatilityByRoot } from '../european/root-volatility.ts';

/**
 * Relative steps of the finite differences in `writeNumericGreeks`. The tree needs the larger step because its price is
 * smooth on a coarse scale only.
 */
const SMOOTH_STEP = 0.02;
const TREE_STEP = 0.1;

const priceWith = (kernel: SpotKernel, o: SpotOption, volatility: number): number =>
  kernel(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, volatility, signOf(o));

/** True if the put has the price of the European one. */
const isEuropean = (rate: number, dividendYield: number): boolean =>
  !hasTwoBoundaries(rate, dividendYield) && isNeverExercisedEarly(rate, dividendYield);

const createKernelEngine = (
  kernelOf: (option: SpotOption) => SpotKernel,
  relativeStep: number,
  refusal: (option: SpotOption) => Refusal | undefined,
): PricingEngine<SpotOption> => ({
  price: (o) => priceWith(kernelOf(o), o, o.volatility),
  evaluate: (o, out) => writeNumericGreeks(kernelOf(o), spotInputsOf(o), relativeStep, out),
  impliedVolatility: (o, price) => {
    const kernel = kernelOf(o);
    return volatilityByRoot((volatility) => priceWith(kernel, o, volatility), price);
  },
  refusal,
});

/** American options by Andersen, Lake and Offengenden. The tables of a precision are built at its first use. */
export const createAndersenLakeEngine = (): PricingEngine<SpotOption> => {
  const kernels = new Map<Precision, SpotKernel>();
  const kernelOf = ({ precision = 'default' }: SpotOption): SpotKernel => {
    let kernel = kernels.get(precision);
    if (kernel === undefined) {
      kernel = createAdaptiveAmerican(precision);
      kernels.set(precision, kernel);
    }
    return kernel;
  };
  const panels = createPanelPut();
  const engine = createKernelEngine(kernelOf, SMOOTH_STEP, () => undefined);
  const writeGreeks = (o: SpotOption, out: Float64Array, withVolga: boolean): void => {
    const call = o.option_type === 'call';
    const [rate, dividendYield] = call ? [o.dividend_yield, o.rate] : [o.rate, o.dividend_yield];
    const isLimit = isPathKnown(o.time_to_expiry, o.volatility, KNOWN_DEVIATION) || isEuropean(rate, dividendYield);
    if (isLimit) engine.evaluate(o, out);
    else writePanelGreeks(panels.boundaries, spotInputsOf(o), out, withVolga);
    out[indexOfOutput.price] = engine.price(o);
  };
  return {
    ...engine,
    // Differences of prices would show where the method changes from one option to the next.
    evaluate: (o, out) => writeGreeks(o, out, true),
    firstOrder: (o, out) => writeGreeks(o, out, false),
    failure: {
      code: 'not_converged',
      detail:
        'The exercise boundary was not found within the error bound of the precision, or two boundaries meet before expiry. Use binomial_lr',
    },
  };
};

/** American options by Barone-Adesi and Whaley. */
export const createBawEngine = (): PricingEngine<SpotOption> =>
  createKernelEngine(() => bawPrice, SMOOTH_STEP, twoBoundaries);

const defaultSteps = 501;

/** American and European options on the tree of Leisen and Reimer. */
export const createBinomialEngine = (): PricingEngine<SpotOption> =>
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
  );
