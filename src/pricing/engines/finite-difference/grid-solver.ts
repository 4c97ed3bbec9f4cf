import { blackScholesPrice } from '../european/black-scholes.ts';
import { createStepBuffers, firstStageShare, neighbourWeights, stepBack, type StepBuffers } from './diffusion-step.ts';
import { exerciseAtNodes, valueAt } from './dividend-jump.ts';
import { intervalsOf, type GridProblem, type Interval } from './grid-problem.ts';

/** Price and derivatives by the spot. */
export type GridResult = {
  readonly price: number;
  readonly delta: number;
  readonly gamma: number;
  readonly speed: number;
  /** True if the option is exercised at once. */
  readonly exercised: boolean;
  /** Distance from the spot to the boundary of the exercise in nodes, Infinity if there is no boundary within 10 nodes. */
  readonly boundaryNodes: number;
};

/** What a greek by differences must not change: half the width of the grid in y, and the number of time steps. */
export type GridShape = { readonly halfWidth: number; readonly steps: number };

/** Deviations of ln(spot) from its mean that the grid covers. */
const DEVIATIONS = 5;
/** Deviation of ln(spot) until the first values, in units of the distance of nodes. They are smooth enough then. */
const FIRST_DEVIATION = 1.3;
const MAX_BOUNDARY_NODES = 10;

/** Half the width of the grid in y. It holds the measure of the spot too, whose mean is higher by the variance. */
export const halfWidthOf = (volatility: number, time: number): number => {
  const deviation = volatility * Math.sqrt(time);
  return DEVIATIONS * deviation + 0.5 * deviation * deviation;
};

/** The price at `left` years before the expiry of an option that is exercised only then or now. */
const lastPrice = (problem: GridProblem, spot: number, left: number): number => {
  const { strike, rate, dividendYield, volatility, sign, american, lastDividend } = problem;
  const european = (k: number): number =>
    k > 0 ? blackScholesPrice(spot, k, left, rate, dividendYield, volatility, sign) : 0;
  if (lastDividend === 0 || (american && sign > 0)) return european(strike);
  // The spot falls to 0 at least, so a put is worth no more than the strike.
  return sign > 0 ? european(strike + lastDividend) : european(strike + lastDividend) - european(lastDividend);
};

/** The result for dividends that are worth more than the spot. */
const NOT_PRICED: GridResult = {
  price: Number.NaN,
  delta: Number.NaN,
  gamma: Number.NaN,
  speed: Number.NaN,
  exercised: false,
  boundaryNodes: Infinity,
};

export type GridSolver = (problem: GridProblem, shape: GridShape) => GridResult;

/**
 * A solver with buffers for a number of intervals of y, which is even. Calls must not overlap. All numbers are NaN if the
 * dividends are worth more than the spot.
 */
export const createGridSolver = (nodes: number): GridSolver => {
  const count = nodes + 1;
  const middle = nodes / 2;
  const buffers: StepBuffers = createStepBuffers(count);
  const ratios = new Float64Array(count);
  let values = new Float64Array(count);
  let spare = new Float64Array(count);

  return (problem, { halfWidth, steps }) => {
    const { spot, strike, time, rate, dividendYield, volatility, sign, american } = problem;
    const intervals = intervalsOf(problem);
    if (intervals === undefined) return NOT_PRICED;
    const h = halfWidth / middle;
    const step = sign < 0 ? h : -h;
    for (let i = 0; i < count; i++) ratios[i] = Math.exp((i - middle) * step);
    const weights = neighbourWeights(h, sign);

    const obstacleAt = ({ centre }: Interval, since: number) => ({
      bySpot: american ? sign * centre * Math.exp(-dividendYield * since) : 0,
      constant: american ? -sign * strike * Math.exp(-rate * since) : -Infinity,
    });
    /** Moves the values from `later` to `earlier`, both in years from the beginning of the interval. */
    const move = (interval: Interval, later: number, earlier: number): void => {
      const length = later - earlier;
      stepBack(
        values,
        buffers,
        weights,
        volatility * volatility * length,
        ratios,
        obstacleAt(interval, later - firstStageShare * length),
        obstacleAt(interval, earlier),
      );
    };

    const last = intervals.at(-1)!;
    const first = Math.min(last.length, ((FIRST_DEVIATION * h) / volatility) ** 2);
    {
      const since = last.length - first;
      const growth = last.centre * Math.exp((rate - dividendYield) * since);
      const discount = Math.exp(-rate * since);
      for (let i = 0; i < count; i++) {
        const at = growth * ratios[i]!;
        const held = lastPrice(problem, at, first);
        values[i] = discount * (american ? Math.max(held, sign * (at - strike)) : held);
      }
      const from = Math.sqrt(first);
      const to = Math.sqrt(last.length);
      const moves = first < last.length ? Math.max(4, Math.ceil(steps * Math.sqrt(last.length / time))) : 0;
      let left = first;
      for (let n = 1; n <= moves; n++) {
        const next = n === moves ? last.length : (from + ((to - from) * n) / moves) ** 2;
        move(last, last.length - left, last.length - next);
        left = next;
      }
    }
    for (let k = intervals.length - 2; k >= 0; k--) {
      const after = intervals[k + 1]!;
      const interval = intervals[k]!;
      const growth = interval.centre * Math.exp((rate - dividendYield) * interval.length);
      const old = { values, ratios, centre: after.centre, step };
      for (let i = 0; i < count; i++) {
        spare[i] = valueAt(old, Math.max(growth * ratios[i]! - after.dividend, 0));
      }
      [values, spare] = [spare, values];
      // The correction of the kink needs time until now, in which the kink becomes smooth.
      const isSmoothed = volatility * Math.sqrt(after.from) > h;
      if (american) exerciseAtNodes(values, (i) => sign * (growth * ratios[i]! - strike), isSmoothed);
      const discount = Math.exp(-rate * interval.length);
      for (let i = 0; i < count; i++) values[i]! *= discount;
      const moves = Math.ceil((steps * interval.length) / time) + 1;
      for (let n = moves; n > 0; n--) {
        move(interval, (interval.length * n) / moves, (interval.length * (n - 1)) / moves);
      }
    }
    const isExercised = (offset: number): boolean =>
      american && values[middle + offset]! <= sign * (spot * ratios[middle + offset]! - strike);
    const boundaryNodes = (): number => {
      const isNow = isExercised(0);
      for (let n = 1; n <= MAX_BOUNDARY_NODES; n++) if (isExercised(isNow ? n : -n) !== isNow) return n;
      return Infinity;
    };
    const at = (offset: number): number => values[middle + offset]!;
    const byY = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    const byY2 = (16 * (at(1) + at(-1)) - 30 * at(0) - at(2) - at(-2)) / (12 * h * h);
    const byY3 = (at(2) - at(-2) - 2 * (at(1) - at(-1))) / (2 * h * h * step);
    const price = at(0);
    return {
      price,
      delta: byY / spot,
      gamma: (byY2 - byY) / (spot * spot),
      speed: (byY3 - 3 * byY2 + 2 * byY) / spot ** 3,
      exercised: isExercised(0),
      boundaryNodes: boundaryNodes(),
    };
  };
};
