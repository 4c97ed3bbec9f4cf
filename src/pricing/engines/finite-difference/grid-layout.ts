import type { GridProblem, Interval } from './grid-problem.ts';

/** Nodes of the grid of an interval, at the multiples `from` to `to` of the step, of y = ln(spot / centre). */
export type IntervalGrid = { readonly from: number; readonly to: number };

/** The coarsest grids of all intervals. The first one has its own step, because it may be much shorter than the others. */
export type GridLayout = {
  readonly firstStep: number;
  readonly laterStep: number;
  readonly grids: readonly IntervalGrid[];
};

/** Nodes of the coarsest grid without dividends. */
export const coarsestNodes = 100;
const HALF_NODES = coarsestNodes / 2;
/** Min and max distance of the edges of the other intervals, in nodes of the coarsest grid. */
const MIN_NODES = 20;
const MAX_NODES = 300;
/** Deviations of ln(spot) from its mean that a grid covers. */
const DEVIATIONS = 5;
/** Min width of the first interval in units of the width at the expiry, because a finer grid shows how values are interpolated. */
const MIN_FIRST_SHARE = 0.125;
/**
 * Lowest edge that follows from dividends, in units of the larger of spot and strike. The price has an error of about its
 * square, because the spot must come there, and the value at no spot is known.
 */
const LOWEST_EDGE = 1e-3;

/** What ln(spot) reaches in `time` years. It holds the measure of the spot too, whose mean is higher by the variance. */
const reachOf = (volatility: number, time: number): number => {
  const deviation = volatility * Math.sqrt(time);
  return DEVIATIONS * deviation + 0.5 * deviation * deviation;
};

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
const edgesOf = (problem: GridProblem, { from, length, centre }: Interval, nextDividend: number | undefined) => {
  const { spot, strike, rate, dividendYield, volatility } = problem;
  const growth = rate - dividendYield;
  const reach = reachOf(volatility, from + length);
  const withoutDividends = (spot * Math.exp(growth * from)) / centre;
  const reached = 1 + withoutDividends * Math.expm1(-reach);
  const kink = lowestKink(problem, length, nextDividend) / (centre * Math.exp(growth * length));
  const linearBelow = kink * Math.exp(-reachOf(volatility, length));
  const lowest = (LOWEST_EDGE * Math.max(spot, strike)) / centre;
  return {
    low: Math.log(Math.max(reached, linearBelow, lowest)),
    high: Math.log1p(withoutDividends * Math.expm1(reach)),
  };
};

/**
 * The layout of the grids. A dividend is a larger share of a lower spot, so the deviations of ln(spot) grow with each
 * dividend. Each grid covers what the grid before reaches, or all spots below which the value is linear.
 */
export const layoutOf = (problem: GridProblem, intervals: readonly Interval[]): GridLayout => {
  const { time, volatility } = problem;
  const width = reachOf(volatility, time);
  const [first, ...later] = intervals;
  const edges = later.map((interval, k) => edgesOf(problem, interval, later[k + 1]?.dividend));
  const laterStep = Math.max(width / HALF_NODES, ...edges.map(({ low, high }) => (high - low) / MAX_NODES));
  const grids = edges.map(({ low, high }) => {
    const to = Math.ceil(high / laterStep);
    return { from: Math.min(Math.floor(low / laterStep), to - MIN_NODES), to };
  });
  return {
    firstStep: Math.max(reachOf(volatility, first!.length), MIN_FIRST_SHARE * width) / HALF_NODES,
    laterStep,
    grids: [{ from: -HALF_NODES, to: HALF_NODES }, ...grids],
  };
};

/**
 * The layout for a similar problem. Its grids cover the same spots, because a small change of the rate changes the spot that
 * a large dividend leaves by a multiple.
 */
export const moveLayout = (
  layout: GridLayout,
  before: readonly Interval[],
  after: readonly Interval[],
): GridLayout => ({
  ...layout,
  grids: layout.grids.map(({ from, to }, k) => {
    const nodes = k === 0 ? 0 : Math.round(Math.log(before[k]!.centre / after[k]!.centre) / layout.laterStep);
    return { from: from + nodes, to: to + nodes };
  }),
});
