import { indexOfOutput, type OutputName } from '../../models/outputs.ts';
import { extrapolate, priceOf, type GridPair, type GridResults } from './grid-price.ts';
import type { GridProblem } from './grid-problem.ts';
import type { GridResult } from './grid-solver.ts';

/**
 * The price of an American option has an error that jumps as its boundary passes nodes. So steps are wide: the jump is
 * divided by the step, and in a second difference by its square.
 */
/** Steps of the volatility, in units of it: of the first differences, and of the second. */
const VOLATILITY_STEP = 0.03;
const VOLGA_STEP = 0.08;
/** Step of the strike, in units of the deviation of ln(spot) over the life of the option. */
const STRIKE_STEP = 0.075;
/** Max step of the strike, in units of it. */
const MAX_STRIKE_STEP = 0.15;
/** Step of rate and yield per year to expiry, and its limits. Prices of short options bend where the rate is the yield. */
const RATE_STEP = { perYear: 8e-4, min: 2e-4, max: 1e-3 } as const;
/** The max gamma of a European option, in units of its spot and deviation. */
const MAX_GAMMA = 1 / Math.sqrt(2 * Math.PI);

type Reader = (result: GridResult) => number;
const readPrice: Reader = ({ price }) => price;
const readDelta: Reader = ({ delta }) => delta;
type PairReader = (read: Reader) => number;
const readerOf =
  ({ coarse, fine }: GridPair): PairReader =>
  (read) =>
    extrapolate(read(coarse), read(fine));

/**
 * Writes the price and the greeks. Those by the spot are differences on the grid, those by time follow from the partial
 * differential equation, and the others are central differences of prices on the same two grids.
 * @param firstOrderOnly whether only the price, the five first-order greeks and gamma are written
 */
export const writeGridGreeks = (
  problem: GridProblem,
  results: GridResults,
  out: Float64Array,
  firstOrderOnly: boolean,
): void => {
  const { spot, strike, rate, time, dividendYield, volatility, sign } = problem;
  const set = (name: OutputName, value: number): void => {
    out[indexOfOutput[name]] = value;
  };
  const price = priceOf(problem, results);
  set('price', price);
  if (results.fine.exercised) {
    writePayoff(sign, out);
    return;
  }
  const { base, solve } = results.forDifferences;
  const changed = (change: Partial<GridProblem>): PairReader => readerOf(solve({ ...problem, ...change }));
  const best = readerOf(results);
  const unchanged = readerOf(base);
  const delta = best(readDelta);
  const gamma = best((result) => result.gamma);
  set('delta', delta);
  set('gamma', gamma);
  const growth = rate - dividendYield;
  const variance = volatility * volatility;
  set('theta', rate * price - growth * spot * delta - 0.5 * variance * spot * spot * gamma);

  const step = VOLATILITY_STEP * volatility;
  const up = changed({ volatility: volatility + step });
  const down = changed({ volatility: volatility - step });
  set('vega', (up(readPrice) - down(readPrice)) / (2 * step));
  const byRate = (name: 'rate' | 'dividendYield'): number => {
    const rateStep = Math.min(Math.max(RATE_STEP.perYear * time, RATE_STEP.min), RATE_STEP.max);
    const above = changed({ [name]: problem[name] + rateStep })(readPrice);
    const below = changed({ [name]: problem[name] - rateStep })(readPrice);
    // A changed rate can bring the forward below a dividend. The price is NaN then, and the other side gives the slope.
    if (Number.isNaN(below)) return (above - unchanged(readPrice)) / rateStep;
    if (Number.isNaN(above)) return (unchanged(readPrice) - below) / rateStep;
    return (above - below) / (2 * rateStep);
  };
  set('rho', byRate('rate'));
  set('dividend_rho', byRate('dividendYield'));
  if (firstOrderOnly) return;

  set('vanna', (up(readDelta) - down(readDelta)) / (2 * step));
  const wide = VOLGA_STEP * volatility;
  const high = changed({ volatility: volatility + wide });
  const low = changed({ volatility: volatility - wide });
  set('volga', (high(readPrice) + low(readPrice) - 2 * unchanged(readPrice)) / (wide * wide));
  const speed = best((result) => result.speed);
  set(
    'charm',
    dividendYield * delta - growth * spot * gamma - variance * spot * gamma - 0.5 * variance * spot * spot * speed,
  );
  // An option that is exercised at the next dividend lives shorter than its expiry says, and its gamma shows it.
  const lived = Math.min(volatility * Math.sqrt(time), MAX_GAMMA / (spot * Math.abs(gamma)));
  const strikeStep = strike * Math.min(STRIKE_STEP * lived, MAX_STRIKE_STEP);
  const above = changed({ strike: strike + strikeStep });
  const below = changed({ strike: strike - strikeStep });
  set('dual_delta', (above(readPrice) - below(readPrice)) / (2 * strikeStep));
  set('dual_gamma', (above(readPrice) + below(readPrice) - 2 * unchanged(readPrice)) / (strikeStep * strikeStep));
};

/** The greeks of an option that is exercised at once. */
const writePayoff = (sign: number, out: Float64Array): void => {
  const values: Partial<Record<OutputName, number>> = { delta: sign, dual_delta: -sign };
  const zero: OutputName[] = ['gamma', 'vega', 'theta', 'rho', 'dividend_rho', 'vanna', 'volga', 'charm', 'dual_gamma'];
  for (const name of zero) out[indexOfOutput[name]] = 0;
  for (const [name, value] of Object.entries(values)) out[indexOfOutput[name as OutputName]] = value;
};
