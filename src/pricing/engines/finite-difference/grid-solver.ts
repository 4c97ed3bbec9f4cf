import { blackScholesPrice } from '../european/black-scholes.ts';
import { firstStageShare, neighbourWeights, stepBack, type StepBuffers } from './diffusion-step.ts';
import { correctPaidOut, exerciseAtNodes, valueAt, type GridValues } from './dividend-jump.ts';
import type { GridLayout } from './grid-layout.ts';
import { createBuffer, createLevels, type Nodes } from './grid-levels.ts';
import { intervalsOf, type GridProblem } from './grid-problem.ts';

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

/** What a greek by differences must not change: the steps of the grids, and the number of time steps. */
type GridShape = { readonly layout: GridLayout; readonly steps: number };

/** Deviation of ln(spot) until the first values, in units of the distance of nodes. They are smooth enough then. */
const FIRST_DEVIATION = 1.3;
const MAX_BOUNDARY_NODES = 10;
/** Steps of a short first interval in units of the root of its share of the time, because they begin with a kink. */
const FIRST_STEPS = 0.5;

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

/** The values of one interval, in the order of `diffusion-step.ts`. */
type Level = GridValues &
  Nodes & { readonly buffers: StepBuffers; readonly weights: ReturnType<typeof neighbourWeights> };

export type GridSolver = (problem: GridProblem, shape: GridShape) => GridResult;

/**
 * A solver with buffers for grids of `refinement` times the nodes of their layout. Calls must not overlap. All numbers are
 * NaN if the dividends are worth more than the spot.
 */
export const createGridSolver = (refinement: number): GridSolver => {
  const stepBuffers = [createBuffer(), createBuffer(), createBuffer()] as const;
  const levels = createLevels(refinement);

  return (problem, { layout, steps }) => {
    const { spot, strike, time, rate, dividendYield, volatility, sign, american } = problem;
    const intervals = intervalsOf(problem);
    if (intervals === undefined) return NOT_PRICED;
    /** A put is worth the strike if the spot is 0, at once or at the expiry. */
    const discountAtZero = (k: number): number => {
      const toExpiry = Math.exp(-rate * (time - intervals[k]!.from));
      return american ? Math.max(1, toExpiry) : toExpiry;
    };

    const openNodes = levels.open(layout, sign < 0);
    const openLevel = (k: number): Level => {
      const nodes = openNodes(k);
      const count = nodes.values.length;
      return {
        ...nodes,
        centre: layout.grids[k]!.centre,
        atZero: sign < 0 ? strike * discountAtZero(k) : 0,
        buffers: { middle: stepBuffers[0](count), right: stepBuffers[1](count), inverse: stepBuffers[2](count) },
        weights: neighbourWeights(nodes.h, sign),
      };
    };

    const obstacleAt = ({ centre }: Level, since: number) => ({
      bySpot: american ? sign * centre * Math.exp(-dividendYield * since) : 0,
      constant: american ? -sign * strike * Math.exp(-rate * since) : -Infinity,
    });
    let level = openLevel(intervals.length - 1);
    /** Moves the values from `later` to `earlier`, both in years from the beginning of the interval. */
    const move = (later: number, earlier: number): void => {
      const length = later - earlier;
      stepBack(
        level.values,
        level.buffers,
        level.weights,
        volatility * volatility * length,
        level.ratios,
        obstacleAt(level, later - firstStageShare * length),
        obstacleAt(level, earlier),
      );
    };

    const last = intervals.at(-1)!;
    const first = Math.min(last.length, ((FIRST_DEVIATION * level.h) / volatility) ** 2);
    {
      const { values, ratios } = level;
      const since = last.length - first;
      const growth = level.centre * Math.exp((rate - dividendYield) * since);
      const discount = Math.exp(-rate * since);
      for (let i = 0; i < values.length; i++) {
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
        move(last.length - left, last.length - next);
        left = next;
      }
    }
    for (let k = intervals.length - 2; k >= 0; k--) {
      const after = intervals[k + 1]!;
      const interval = intervals[k]!;
      const old = level;
      level = openLevel(k);
      const { values, ratios, h } = level;
      const growth = level.centre * Math.exp((rate - dividendYield) * interval.length);
      for (let i = 0; i < values.length; i++) values[i] = valueAt(old, growth * ratios[i]! - after.dividend);
      // The correction of the kink needs time until now, in which the kink becomes smooth.
      const isSmoothed = volatility * Math.sqrt(after.from) > h;
      if (sign < 0 && isSmoothed) {
        const paidOut = level.middle + Math.log(after.dividend / growth) / level.step;
        correctPaidOut(values, old, paidOut, after.dividend * h);
      }
      if (american) exerciseAtNodes(values, (i) => sign * (growth * ratios[i]! - strike), isSmoothed);
      const discount = Math.exp(-rate * interval.length);
      for (let i = 0; i < values.length; i++) values[i]! *= discount;
      const share = interval.length / time;
      const moves = Math.ceil(steps * (k === 0 ? Math.max(share, FIRST_STEPS * Math.sqrt(share)) : share)) + 1;
      for (let n = moves; n > 0; n--) {
        move((interval.length * n) / moves, (interval.length * (n - 1)) / moves);
      }
    }
    const { values, ratios, middle, step, h } = level;
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
