import type { PricingEngine, SpotOption } from '../../models/engine.ts';
import { noLook, type SearchLook } from '../../models/search-watch.ts';
import type { EngineSite } from '../../models/slow-calculation.ts';
import { isWithoutVolatility, twoBoundariesRefusal } from '../american/american-limits.ts';
import { dividendRefusal } from '../european/black-scholes-engine.ts';
import type { Refusal } from '../european/implied.ts';
import { dividendsAhead, moveValuation } from '../dividends.ts';
import { indexOfOutput } from '../../models/outputs.ts';
import { volatilityByRoot } from '../european/root-volatility.ts';
import { spotInputsOf, writeNumericGreeks, type SpotInputs } from '../numeric-greeks.ts';
import { writeGridGreeks } from './grid-greeks.ts';
import { createGridPrices, MAX_DEVIATION } from './grid-price.ts';
import { sortDividends, type GridProblem } from './grid-problem.ts';

/** Relative step of the greeks without time or volatility, as in `writeNumericGreeks`. */
const LIMIT_STEP = 0.02;
/**
 * Below this deviation of ln(spot) at expiry the greeks are those without volatility. The distance of the nodes is so small
 * there that the rounding errors of the values show in their differences.
 */
export const LIMIT_DEVIATION = 1e-5;

/** The max volatility that the grid prices. It is a little smaller, because the product with the root is rounded. */
const maxVolatilityOf = (time: number): number => (MAX_DEVIATION / Math.sqrt(time)) * (1 - 1e-12);

const refusalOf = (o: SpotOption): Refusal | undefined =>
  dividendRefusal(o) ?? (o.exercise_style === 'american' ? twoBoundariesRefusal(o) : undefined);

const problemOf = (o: SpotOption, inputs: SpotInputs): GridProblem => ({
  ...inputs,
  american: o.exercise_style === 'american',
  ...sortDividends(moveValuation(o, inputs.time), inputs.time),
});

/**
 * Options whose spot falls by each discrete dividend, on grids. The engine reuses its buffers, so calls must not overlap.
 * @param look see `SearchLook`
 * @throws SlowCalculation (a calculation on the event loop) if the option needs a grid
 */
export const createFiniteDifferenceEngine = (
  site: EngineSite = 'process',
  look: SearchLook = noLook,
): PricingEngine<SpotOption> => {
  const grid = createGridPrices(site);
  const priceAt = (o: SpotOption, inputs: SpotInputs): number => grid.price(problemOf(o, inputs));

  const writeGreeks = (o: SpotOption, out: Float64Array, firstOrderOnly: boolean): void => {
    out.fill(Number.NaN);
    if (refusalOf(o) !== undefined) return;
    const inputs = spotInputsOf(o);
    if (isWithoutVolatility(inputs.time, inputs.volatility, LIMIT_DEVIATION)) {
      const kernel = (spot: number, strike: number, time: number, rate: number, q: number, vol: number, sign: number) =>
        priceAt(o, { spot, strike, time, rate, dividendYield: q, volatility: vol, sign });
      writeNumericGreeks(kernel, { ...inputs, volatility: 0 }, LIMIT_STEP, out, dividendsAhead(o));
      out[indexOfOutput.price] = priceAt(o, inputs);
      return;
    }
    const problem = problemOf(o, inputs);
    const results = grid.results(problem);
    if (results !== undefined) writeGridGreeks(problem, results, out, firstOrderOnly);
  };

  return {
    price: (o) => (refusalOf(o) === undefined ? priceAt(o, spotInputsOf(o)) : Number.NaN),
    evaluate: (o, out) => writeGreeks(o, out, false),
    firstOrder: (o, out) => writeGreeks(o, out, true),
    impliedVolatility: (o, price) => {
      const inputs = spotInputsOf(o);
      return volatilityByRoot(
        (volatility) => {
          look();
          return priceAt(o, { ...inputs, volatility });
        },
        price,
        maxVolatilityOf(inputs.time),
      );
    },
    refusal: refusalOf,
    failure: {
      code: 'not_converged',
      detail: 'The finest grid does not price this option within the error bound. Use binomial_lr',
    },
  };
};
