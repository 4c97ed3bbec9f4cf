import type { GridProblem, Interval } from './grid-problem.ts';

/**
 * Nodes of the grid of an interval, at the multiples `from` to `to` of the step, of y = ln(spot / centre) at its beginning.
 * Each grid has its own centre, because a dividend can leave a spot that is many orders of magnitude smaller.
 */
export type IntervalGrid = { readonly centre: number; readonly from: number; readonly to: number };

/** The coarsest grids of all intervals. The first one has its own step, because it may be much shorter than the others. */
export type GridLayout = {
  readonly firstStep: number;
  readonly laterStep: number;
  readonly grids: readonly IntervalGrid[];
};

/** Nodes of the coarsest grid without dividends. */
export const coarsestNodes = 100;
export const HALF_NODES = coarsestNodes / 2;
/** Min and max distance of the edges of the other intervals, in nodes of the coarsest grid. */
const MIN_NODES = 20;
export const MAX_NODES = 300;
/** Deviations of ln(spot) from its mean that a grid covers. */
const DEVIATIONS = 5;
/** Min width of the first interval in units of the width at the expiry, because a finer grid shows how values are interpolated. */
const MIN_FIRST_SHARE = 0.125;
/**
 * Lowest edges that follow from dividends, in units of the larger of spot and strike. The value at no spot is known, so the
 * error of a value below the edge is at most a part of the edge. The error of the price is that times the probability that
 * the spot comes there, which is about the edge in units of the deviation of the spot. So the square of the edge falls with
 * that deviation. Below `min` the probability does not matter.
 */
export const LOWEST_EDGE = { min: 1e-5, max: 1e-3, deviation: 0.1 } as const;

/** The lowest spot at which a grid after the first dividend, paid in `untilFirst` years, needs an edge. */
const lowestEdge = ({ spot, strike, volatility }: GridProblem, untilFirst: number): number => {
  const scale = Math.max(spot, strike);
  const deviation = (spot * volatility * Math.sqrt(untilFirst)) / scale;
  const edge = LOWEST_EDGE.max * Math.sqrt(Math.min(deviation / LOWEST_EDGE.deviation, 1));
  return scale * Math.max(edge, LOWEST_EDGE.min);
};

/** What ln(spot) reaches with this deviation. It holds the measure of the spot too, whose mean is higher by the variance. */
export const reachOfDeviation = (deviation: number): number => DEVIATIONS * deviation + 0.5 * deviation * deviation;
/** The same in `time` years. */
const reachOf = (volatility: number, time: number): number => reachOfDeviation(volatility * Math.sqrt(time));

/**
 * The lowest spot at the end of an interval where the value without volatility has a kink. Below it the value is linear:
 * the spot is paid out, a put is exercised at once, or a call is worth nothing.
 */
const lowestKink = (problem: GridProblem, length: number, nextDividend: number | undefined): number => {
  const { strike, rate, dividendYield, sign, american, lastDividend } = problem;
  const kinks = [nextDividend ?? strike];
  if (nextDividend === undefined && lastDividend > 0) kinks.push(lastDividend);
  if (american && sign > 0) kinks.push(strike);
  if (american && sign < 0 && rate > 0) {
    if (nextDividend !== undefined || lastDividend > 0) kinks.push(-strike * Math.expm1(-rate * length));
    else if (dividendYield > rate) kinks.push((strike * rate) / dividendYield);
  }
  return Math.min(...kinks);
};

/** ln(spot / centre) at the edges that an interval after a dividend needs. */
const edgesOf = (
  problem: GridProblem,
  { from, length, centre }: Interval,
  nextDividend: number | undefined,
  lowest: number,
) => {
  const { spot, rate, dividendYield, volatility } = problem;
  const growth = rate - dividendYield;
  const reach = reachOf(volatility, from + length);
  const withoutDividends = (spot * Math.exp(growth * from)) / centre;
  const reached = 1 + withoutDividends * Math.expm1(-reach);
  const kink = lowestKink(problem, length, nextDividend) / (centre * Math.exp(growth * length));
  const linearBelow = kink * Math.exp(-reachOf(volatility, length));
  return {
    low: Math.log(Math.max(reached, linearBelow, lowest / centre)),
    high: Math.log1p(withoutDividends * Math.expm1(reach)),
  };
};

/** The grid between two edges. Its centre is its lowest node. */
const gridOf = (centre: number, step: number, { low, high }: { low: number; high: number }): IntervalGrid => {
  const to = Math.ceil(high / step);
  const from = Math.min(Math.floor(low / step), to - MIN_NODES);
  return { centre: centre * Math.exp(from * step), from: 0, to: to - from };
};

/** No number of the inputs may make a buffer larger than this, because buffers are allocated for the largest grid. */
const isBounded = ({ centre, from, to }: IntervalGrid): boolean =>
  centre > 0 && Number.isFinite(centre) && to - from <= MAX_NODES + MIN_NODES;

/**
 * The layout of the grids. A dividend is a larger share of a lower spot, so the deviations of ln(spot) grow with each
 * dividend. Each grid covers what the grid before reaches, or all spots below which the value is linear. The result is
 * undefined if a spot at an edge is no number within the range of a double.
 */
export const layoutOf = (problem: GridProblem, intervals: readonly Interval[]): GridLayout | undefined => {
  const { spot, time, volatility } = problem;
  const width = reachOf(volatility, time);
  const [first, ...later] = intervals;
  const lowest = lowestEdge(problem, first!.length);
  const edges = later.map((interval, k) => edgesOf(problem, interval, later[k + 1]?.dividend, lowest));
  const laterStep = Math.max(width / HALF_NODES, ...edges.map(({ low, high }) => (high - low) / MAX_NODES));
  const grids = [
    { centre: spot, from: -HALF_NODES, to: HALF_NODES },
    ...edges.map((ends, k) => gridOf(later[k]!.centre, laterStep, ends)),
  ];
  if (!grids.every(isBounded)) return undefined;
  const firstStep = Math.max(reachOf(volatility, first!.length), MIN_FIRST_SHARE * width) / HALF_NODES;
  return { firstStep, laterStep, grids };
};
