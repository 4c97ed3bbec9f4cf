import type { PricingEngine, SpotOption } from '../../models/engine.ts';
import {
  hasTwoBoundaries,
  isNeverExercisedEarly,
  isWithoutVolatility,
  NEGLIGIBLE_DEVIATION,
  twoBoundariesRefusal,
} from './american-limits.ts';
import { createPanelPut, type PanelPut } from './panels/panel-put.ts';
import { writePanelGreeks } from './panels/panel-greeks.ts';
import { indexOfOutput } from '../../models/outputs.ts';
import { noLook, type SearchLook } from '../../models/search-watch.ts';
import { SlowCalculation, type EngineSite } from '../../models/slow-calculation.ts';
import { threadMs } from '../../models/thread-ms.ts';
import { createAdaptiveAmerican } from './adaptive-american.ts';
import type { Precision } from './precision.ts';
import { bawPrice } from './baw.ts';
import { createKernelEngine, priceWith } from './kernel-engine.ts';
import { spotInputsOf, type SpotKernel } from '../numeric-greeks.ts';
import { volatilityByRoot } from '../european/root-volatility.ts';

/** Step of the finite differences in `createKernelEngine`. The prices are smooth, so it is small. */
const SMOOTH_STEP = 0.02;
/**
 * Max processor time of a search for the volatility of an option with two boundaries. Nothing can interrupt it, and each of its
 * prices can take 0.6 s.
 */
const MAX_SEARCH_MS = 3_000;

/**
 * True if the American put has the price of the European put. `rate` and `dividendYield` are those of the put: for a call, the
 * two are exchanged before.
 */
const isEuropean = (rate: number, dividendYield: number): boolean =>
  !hasTwoBoundaries(rate, dividendYield) && isNeverExercisedEarly(rate, dividendYield);

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
 * Returns the engine for American options by the approximation of Barone-Adesi and Whaley. It is fast. The error of its prices
 * grows with the time to expiry, to some percent of the larger of spot and strike after 10 years. It refuses options with two exercise boundaries.
 */
export const createBawEngine = (_site?: EngineSite, look: SearchLook = noLook): PricingEngine<SpotOption> =>
  createKernelEngine(() => bawPrice, SMOOTH_STEP, twoBoundariesRefusal, look);
