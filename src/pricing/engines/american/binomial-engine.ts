import type { PricingEngine, SpotOption } from '../../models/engine.ts';
import { defaultSteps } from '../../models/inputs.ts';
import { indexOfOutput } from '../../models/outputs.ts';
import { noLook, type SearchLook } from '../../models/search-watch.ts';
import type { EngineSite } from '../../models/slow-calculation.ts';
import { dividendRefusal } from '../european/black-scholes-engine.ts';
import { dividendsAhead, moveValuation, type DividendsAhead } from '../dividends.ts';
import {
  spotInputsOf,
  spotStepOf,
  thirdDerivative,
  writeGreeksWithoutTime,
  writeNumericGreeks,
  type SpotKernel,
} from '../numeric-greeks.ts';
import { binomialPrice } from './binomial-lr.ts';
import { createKernelEngine } from './kernel-engine.ts';

/** Step of the finite differences in `writeNumericGreeks`. It is large, because the tree is not smooth over small differences. */
const TREE_STEP = 0.1;
/**
 * Steps of the tree before the first dividend from which differences by time are taken. In fewer steps the payment changes its
 * place among the steps too much.
 */
const MIN_STEPS_BEFORE_DIVIDEND = 5;
/** Max interest in two steps of the time on the value of the dividends, in units of the spot less this value. */
const MAX_INTEREST = 0.1;
/** A price that exceeds the payoff by less than this share of spot and strike is that of an exercise. */
const ROUNDING = 1e-10;

const kernelOf = (o: SpotOption): SpotKernel => {
  const { steps = defaultSteps } = o;
  const american = o.exercise_style === 'american';
  return (spot, strike, time, rate, dividendYield, volatility, sign) =>
    binomialPrice(
      { spot, strike, time, rate, dividendYield, volatility, sign },
      { american, steps, dividends: moveValuation(o, time) },
    );
};

/**
 * Writes theta and charm by the partial differential equation of the escrowed spot, from the other greeks in `out`. An option
 * with dividends has no yield.
 */
const writeTimeGreeksByEquation = (
  kernel: SpotKernel,
  o: SpotOption,
  dividends: DividendsAhead,
  out: Float64Array,
): void => {
  const inputs = spotInputsOf(o);
  const { spot, strike, time, rate, volatility, sign } = inputs;
  const price = out[indexOfOutput.price]!;
  const delta = out[indexOfOutput.delta]!;
  const gamma = out[indexOfOutput.gamma]!;
  const isExercised =
    o.exercise_style === 'american' && price - sign * (spot - strike) <= ROUNDING * Math.max(spot, strike);
  // Where the interest makes a later exercise better, it has the same price to the last digits, and the equation holds.
  if (isExercised && sign * rate <= 0) {
    out[indexOfOutput.theta] = 0;
    out[indexOfOutput.charm] = 0;
    return;
  }
  const bySpot = (s: number): number => kernel(s, strike, time, rate, 0, volatility, sign);
  const speed = thirdDerivative(bySpot, spot, spotStepOf(inputs, TREE_STEP, dividends));
  const escrowed = spot - dividends.value;
  const variance = volatility * volatility * escrowed;
  out[indexOfOutput.theta] = rate * (price - spot * delta) - 0.5 * variance * escrowed * gamma;
  out[indexOfOutput.charm] = -(rate * spot + variance) * gamma - 0.5 * variance * escrowed * speed;
};

/**
 * True if the first dividend is too near for differences by time, or if the interest on the value of the dividends would change
 * the spot less this value too much.
 */
const hasNoDifferenceByTime = (
  { spot, rate, time_to_expiry, steps = defaultSteps }: SpotOption,
  { first, value }: DividendsAhead,
): boolean =>
  first * steps < MIN_STEPS_BEFORE_DIVIDEND * time_to_expiry ||
  2 * TREE_STEP * time_to_expiry * Math.abs(rate) * value > MAX_INTEREST * (spot - value);

const writeTreeGreeks = (o: SpotOption, out: Float64Array): void => {
  const kernel = kernelOf(o);
  const inputs = spotInputsOf(o);
  const dividends = dividendsAhead(o);
  if (hasNoDifferenceByTime(o, dividends)) {
    writeGreeksWithoutTime(kernel, inputs, TREE_STEP, out, dividends);
    writeTimeGreeksByEquation(kernel, o, dividends, out);
  } else writeNumericGreeks(kernel, inputs, TREE_STEP, out, dividends);
};

/**
 * Returns the engine for American and European options on the tree of Leisen and Reimer. It refuses the same options with
 * dividends as the European engine, because both use the spot less the value of the dividends, which must be positive.
 */
export const createBinomialEngine = (_site?: EngineSite, look: SearchLook = noLook): PricingEngine<SpotOption> => ({
  ...createKernelEngine(kernelOf, TREE_STEP, dividendRefusal, look),
  evaluate: writeTreeGreeks,
  failure: {
    code: 'not_converged',
    detail: 'The spots of the tree are outside the range of doubles for this volatility and time. Use fewer steps',
  },
});
