import { AppError } from '#src/kernel/catalogue/errors.ts';
import { MAX_SEARCH_STEPS } from '../engines/european/root-volatility.ts';
import type { Wanted } from '../request/calculate.ts';
import { andersenLakeCost, andersenLakeGreeksCost, andersenLakeSearchCost } from './andersen-lake-cost.ts';
import { countOfDividends, numberOr, numericGreeks, type CostInputs } from './cost-inputs.ts';
import { gridCost, gridGreeksCost, gridSearchCost } from './finite-difference-cost.ts';
import { steps as stepsInput } from './inputs.ts';
import { chosenModel } from '../request/conventions/model-of-row.ts';
import type { ModelName } from './models.ts';

/**
 * Cost of a model. `price` returns the microseconds of one price of a row, measured by `npm run bench:pricing` and
 * `test/pricing/cost.test.ts` and rounded up.
 */
type ModelCost = {
  readonly price: (row: CostInputs) => number;
  /** Cost of the greeks, as a number of prices. */
  readonly greeks: number;
  /** Microseconds of the greeks where they do not depend on the cost of a price. */
  readonly greeksMicroseconds?: (row: CostInputs) => number;
  /** Cost of an implied volatility, as a number of prices. */
  readonly inversion: number;
  /** Microseconds of one of these prices. Default: `price`. */
  readonly searchPrice?: (row: CostInputs) => number;
  /** Some searches for the volatility take very much longer than `inversion` says, and the inputs do not show which. */
  readonly isInversionUncertain?: true;
  /** Rows with nearly the same inputs can take very different times, such as 0.01 and 10 ms. */
  readonly isIrregular?: true;
};

const dividendCost = 0.03;
const nodeCost = 0.001;
/**
 * Max prices of a search for the implied volatility, with that at no volatility. Most searches take about ten, but a caller can
 * choose a price for which the search takes all of them.
 */
const search = MAX_SEARCH_STEPS + 1;

const treeCost = (row: CostInputs): number => {
  const given = row.steps;
  const count = typeof given === 'number' && given > 0 ? Math.min(given, stepsInput.maximum) : stepsInput.default!;
  const dividends = countOfDividends(row);
  // Each step values the remaining dividends. Without volatility, each dividend is a possible time of exercise.
  return 1 + count * count * nodeCost + (count * dividends + 2 * dividends * dividends) * dividendCost;
};

/**
 * Beyond these inputs the integral of Heston may not converge, and the search for it takes up to 3 ms. Within them, 99.9 %
 * of random options took less than 0.1 ms.
 */
const usualHeston = { v0: 4, theta: 4, sigma: 3, kappa: 1_000 } as const;
const usualHestonYears = 50;
const hestonCosts = { usual: 10, extreme: 3_000 } as const;
const isAbove = (given: unknown, max: number): boolean => typeof given === 'number' && given > max;

/** Number of prices that the derivatives of a price by the parameters cost, with the price itself. */
const parameterGradient = 2.5;

/** Microseconds of a Heston price and its derivatives by the parameters. */
export const hestonGradientCost = (row: Pick<CostInputs, 'heston' | 'time_to_expiry'>): number =>
  parameterGradient * hestonCost(row);

const hestonCost = ({ heston, time_to_expiry: years }: CostInputs): number => {
  if (typeof heston !== 'object' || heston === null) return hestonCosts.usual;
  const parameters = heston as Readonly<Record<string, unknown>>;
  const isExtreme =
    isAbove(years, usualHestonYears) ||
    isAbove(parameters['v0'], usualHeston.v0) ||
    isAbove(parameters['theta'], usualHeston.theta) ||
    isAbove(parameters['sigma'], usualHeston.sigma) ||
    isAbove(parameters['kappa'], usualHeston.kappa);
  return isExtreme ? hestonCosts.extreme : hestonCosts.usual;
};

/**
 * Costs of a barrier option. The rebate of a knock-out option at a negative rate can need an integral, which takes 3 to 18
 * microseconds. A search for its volatility took 9 ms at most, of `barrierSearch` prices.
 */
const barrierCosts = { usual: 0.6, integral: 18, integralInSearch: 4.5 } as const;
const barrierSearch = 2_000;
const isRebateIntegral = ({ barrier_type: type, rebate, rate }: CostInputs): boolean =>
  numberOr(rebate, 0) > 0 && numberOr(rate, 0) < 0 && type !== 'down_in' && type !== 'up_in';

/** The type requires a cost for every model, so that no model is priced on the event loop as if it had no cost. */
const modelCosts: Readonly<Record<ModelName, ModelCost>> = {
  black_scholes: { price: (row) => 0.2 + countOfDividends(row) * dividendCost, greeks: 2, inversion: 2 },
  black76: { price: () => 0.2, greeks: 2, inversion: 2 },
  bachelier: { price: () => 0.2, greeks: 2, inversion: 2 },
  heston: { price: hestonCost, greeks: 4, inversion: 0, isIrregular: true },
  // Next to the expiry the greeks need the integral at each rate. An inversion evaluates the greeks.
  barrier: {
    price: (row) => (isRebateIntegral(row) ? barrierCosts.integral : barrierCosts.usual),
    greeks: 0,
    greeksMicroseconds: () => 30,
    inversion: barrierSearch,
    searchPrice: (row) => (isRebateIntegral(row) ? barrierCosts.integralInSearch : barrierCosts.usual),
  },
  cash_or_nothing: { price: () => 0.3, greeks: 2, inversion: 400 },
  asset_or_nothing: { price: () => 0.3, greeks: 2, inversion: 400 },
  binomial_lr: { price: treeCost, greeks: numericGreeks, inversion: search, isIrregular: true },
  andersen_lake: {
    price: andersenLakeCost,
    greeks: 0,
    greeksMicroseconds: andersenLakeGreeksCost,
    inversion: search,
    searchPrice: andersenLakeSearchCost,
    // A price that no volatility gives leads to volatilities that only panels can price: 0.1 s where 2.6 ms are usual.
    isInversionUncertain: true,
    isIrregular: true,
  },
  baw: { price: () => 1, greeks: numericGreeks, inversion: search },
  // The differences are on coarser grids than the price.
  finite_difference: {
    price: gridCost,
    greeks: 4,
    greeksMicroseconds: gridGreeksCost,
    inversion: search,
    searchPrice: gridSearchCost,
    isIrregular: true,
  },
};
const isModelName = (name: unknown): name is ModelName => typeof name === 'string' && Object.hasOwn(modelCosts, name);

/** Cost of a refused row, in microseconds. */
const refusedCost = 0.2;
/** Cost of a row whose inputs give none. It must not make the sum of the others no number, and a pricing process must read it. */
const unknownCost = 10_000;

/** Expected duration of a batch. */
export type WorkEstimate = {
  readonly totalMs: number;
  /** Expected duration of the slowest row. */
  readonly maxRowMs: number;
  /** The model of that row; `unknown` if there is no such model. */
  readonly model: ModelName | 'unknown';
  /** A row may take very much longer than expected, up to `uncertainRowMs`, so a pricing process must price it. */
  readonly isUncertain?: true;
  /** Some rows may take much longer than expected, so the time must be looked at after each row. */
  readonly isIrregular?: true;
};

/** Milliseconds of the slowest known row whose estimate is uncertain: see `isInversionUncertain`. */
export const uncertainRowMs = 100;

/** Prices of a search that always ends after so many. */
const shortSearch = 2;

type Traits = Pick<WorkEstimate, 'isUncertain' | 'isIrregular'>;

const traitsOf = (cost: ModelCost, { inverted }: Wanted): Traits => ({
  ...(inverted && cost.isInversionUncertain && { isUncertain: true }),
  ...((cost.isIrregular || (inverted && cost.inversion > shortSearch)) && { isIrregular: true }),
});

/** Microseconds of a row. */
const rowCost = (row: CostInputs, cost: ModelCost, { needs, inverted }: Wanted): number => {
  const price = cost.price(row);
  const searched = inverted ? cost.inversion * (cost.searchPrice?.(row) ?? price) : 0;
  const microseconds =
    searched + (needs === 'price' ? price : price * (1 + cost.greeks) + (cost.greeksMicroseconds?.(row) ?? 0));
  return microseconds >= 0 ? microseconds : unknownCost;
};

/**
 * Estimates the duration of rows from their members before validation. The estimate decides where and whether rows are
 * priced. It never changes the answer.
 */
export const estimateOf = (rows: Iterable<CostInputs>, wanted: Wanted): WorkEstimate => {
  let totalMicroseconds = 0;
  let maxMicroseconds = 0;
  let maxName: unknown;
  // Consecutive rows mostly have the same model, so its cost is kept from one row to the next.
  let name: unknown;
  let cost: ModelCost | undefined;
  let isFirst = true;
  const traits: Traits = {};
  for (const row of rows) {
    const given = row.model ?? chosenModel(row);
    if (isFirst || given !== name) {
      isFirst = false;
      name = given;
      cost = isModelName(given) ? modelCosts[given] : undefined;
      if (cost) Object.assign(traits, traitsOf(cost, wanted));
    }
    const microseconds = cost === undefined ? refusedCost : rowCost(row, cost, wanted);
    totalMicroseconds += microseconds;
    if (microseconds <= maxMicroseconds) continue;
    maxMicroseconds = microseconds;
    maxName = name;
  }
  const model = isModelName(maxName) ? maxName : 'unknown';
  return { totalMs: totalMicroseconds / 1000, maxRowMs: maxMicroseconds / 1000, model, ...traits };
};

/**
 * A row cannot be interrupted. So a row above this estimate is refused, because other tasks of its process and its own
 * cancellation would wait for it.
 */
const rowLimitMs = 3_000;

const secondsOf = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);

/**
 * Ends work that was underestimated. This is no abuse, because the caller sent a request with a small estimate.
 * @throws AppError `pricing_work_too_large`
 */
export const checkWorkDone = (workedMs: number, maxMs: number): void => {
  if (workedMs <= maxMs) return;
  throw new AppError(
    'pricing_work_too_large',
    `The calculation has taken ${secondsOf(workedMs)} s of a processor without a result, and at most ` +
      `${secondsOf(maxMs)} s are allowed: send fewer rows, or ask for less precision or fewer steps`,
  );
};

/** @throws AppError `pricing_work_too_large`, because the same request cannot succeed later and a retry is useless */
export const checkWork = ({ totalMs, maxRowMs }: WorkEstimate, maxMs: number): void => {
  const refuse = (what: string, remedy: string): never => {
    throw new AppError('pricing_work_too_large', `${what} are allowed: ${remedy}`, { abuse: 'work_estimate' });
  };
  // What is no number is too much.
  if (!(totalMs <= maxMs)) {
    refuse(
      `The calculation would take about ${secondsOf(totalMs)} s of a processor, and at most ${secondsOf(maxMs)} s`,
      'send fewer rows, ask for less precision or fewer steps, or use a pricing job',
    );
  }
  if (!(maxRowMs <= rowLimitMs)) {
    refuse(
      `One option would take about ${secondsOf(maxRowMs)} s of a processor, and at most ${secondsOf(rowLimitMs)} s`,
      'ask for fewer steps, fewer dividends or less precision',
    );
  }
};
