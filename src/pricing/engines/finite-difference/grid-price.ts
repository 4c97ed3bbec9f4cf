import { SlowCalculation, type EngineSite } from '../../models/slow-calculation.ts';
import { isWithoutVolatility, NEGLIGIBLE_DEVIATION } from '../american/american-limits.ts';
import { createGridSolver, type GridResult, type GridSolver } from './grid-solver.ts';
import { coarsestNodes, layoutOf } from './grid-layout.ts';
import { intervalsOf, type GridProblem } from './grid-problem.ts';
import { knownPathPrice } from './known-path-price.ts';

/** Max error of a price, in units of the larger of spot and strike. */
export const gridErrorBound = 2e-5;
/** Max estimate of the error. It is half of the bound, because the estimate can be too small. */
const MAX_ESTIMATE = 0.5 * gridErrorBound;
/** Max deviation of ln(spot) at expiry. A wider grid would have too few nodes where the price depends on them. */
export const MAX_DEVIATION = 4;
/** Max rate or yield times the time to expiry, because more growth needs more time steps. */
const MAX_GROWTH = 40;

/** Nodes of the grids without dividends. A price is extrapolated from two of them, and its error is estimated from three. */
const gridNodes = [coarsestNodes, 200, 400, 800, 1600] as const;
/** The change from one grid to the next is larger than the error of the extrapolation by this factor, on coarse grids. */
const CHANGE_PER_ERROR = 2;
/** On grids with this number of nodes the error falls by a factor of four from one grid to the next. */
const REGULAR_NODES = 800;
const REGULAR_CHANGE_PER_ERROR = 10;
/** A boundary within this number of nodes needs a regular grid. */
const MIN_BOUNDARY_NODES = 5;
/** The finest pair of grids for differences: that of 200 and 400 nodes. */
const MAX_LEVEL_FOR_DIFFERENCES = 1;

const MIN_STEPS_PER_NODE = 0.25;
const MAX_STEPS_PER_NODE = 1;
/**
 * Time steps per node. More are needed if the interest until the expiry is large beside the deviation of the spot, because
 * the boundary of the exercise moves faster near the expiry.
 */
const stepsPerNode = ({ rate, dividendYield, time, volatility }: GridProblem): number => {
  const interest = Math.max(Math.abs(rate), Math.abs(dividendYield)) * time;
  const perDeviation = interest / (volatility * Math.sqrt(time));
  return Math.min(MAX_STEPS_PER_NODE, MIN_STEPS_PER_NODE * Math.max(1, perDeviation));
};

/** The results on two grids, of which one has twice the nodes and steps. */
export type GridPair = { readonly coarse: GridResult; readonly fine: GridResult };

export type GridResults = GridPair & {
  /** The results on two coarser grids, and what solves a similar problem on the same grids. */
  readonly forDifferences: { readonly base: GridPair; readonly solve: (problem: GridProblem) => GridPair };
};

/** Removes the error of second order from a value that two grids gave. */
export const extrapolate = (coarse: number, fine: number): number => (4 * fine - coarse) / 3;

export type GridPrices = {
  /** NaN if the dividends are worth more than the spot, or if the finest grid does not keep the bound. */
  readonly price: (problem: GridProblem) => number;
  /** The results on the two grids of the price. Undefined where the price is NaN, or the path of the spot is known. */
  readonly results: (problem: GridProblem) => GridResults | undefined;
};

/**
 * American and European options whose spot falls by each dividend. The grids become finer until the extrapolated price
 * changes by less than the bound.
 * @throws SlowCalculation (a price or result on the event loop) if a grid is needed
 */
export const createGridPrices = (site: EngineSite = 'process'): GridPrices => {
  const solvers = new Map<number, GridSolver>();
  const solverOf = (nodes: number): GridSolver => {
    let solver = solvers.get(nodes);
    if (solver === undefined) {
      solver = createGridSolver(nodes / coarsestNodes);
      solvers.set(nodes, solver);
    }
    return solver;
  };

  const results = (problem: GridProblem): GridResults | undefined => {
    const intervals = intervalsOf(problem);
    if (intervals === undefined) return undefined;
    const { volatility, time, rate, dividendYield } = problem;
    if (volatility * Math.sqrt(time) > MAX_DEVIATION) return undefined;
    if (Math.max(Math.abs(rate), Math.abs(dividendYield)) * time > MAX_GROWTH) return undefined;
    if (site === 'event_loop') throw new SlowCalculation('These inputs need a grid');
    const layout = layoutOf(problem, intervals);
    if (layout === undefined) return undefined;
    const perNode = stepsPerNode(problem);
    const bound = MAX_ESTIMATE * Math.max(problem.spot, problem.strike);
    const solve = (other: GridProblem, nodes: number): GridResult =>
      solverOf(nodes)(other, { layout, steps: nodes * perNode });
    const [first, second, ...finer] = gridNodes;
    const pairs: GridPair[] = [{ coarse: solve(problem, first), fine: solve(problem, second) }];
    for (const nodes of finer) {
      const before = pairs.at(-1)!;
      const pair = { coarse: before.fine, fine: solve(problem, nodes) };
      pairs.push(pair);
      const isRegular = nodes >= REGULAR_NODES;
      const change = Math.abs(pair.fine.price - pair.coarse.price);
      const error = Math.max(
        Math.abs(priceOf(problem, pair) - priceOf(problem, before)),
        change / (isRegular ? REGULAR_CHANGE_PER_ERROR : CHANGE_PER_ERROR),
      );
      if (!(error <= bound) || (pair.fine.boundaryNodes < MIN_BOUNDARY_NODES && !isRegular)) continue;
      // The differences need less than the price, because the errors of two similar prices are similar.
      const isNear = pairs[0]!.coarse.boundaryNodes < Infinity;
      const level = Math.min(isNear ? 1 : pairs.length - 2, MAX_LEVEL_FOR_DIFFERENCES);
      const solveBoth = (other: GridProblem): GridPair => ({
        coarse: solve(other, gridNodes[level]!),
        fine: solve(other, gridNodes[level + 1]!),
      });
      return { ...pair, forDifferences: { base: pairs[level]!, solve: solveBoth } };
    }
    return undefined;
  };

  return {
    results,
    price: (problem) => {
      if (isWithoutVolatility(problem.time, problem.volatility, NEGLIGIBLE_DEVIATION)) return knownPathPrice(problem);
      const pair = results(problem);
      return pair === undefined ? Number.NaN : priceOf(problem, pair);
    },
  };
};

/** The extrapolated price, but not less than the payoff of an exercise. */
export const priceOf = ({ american, sign, spot, strike }: GridProblem, { coarse, fine }: GridPair): number =>
  Math.max(extrapolate(coarse.price, fine.price), american ? sign * (spot - strike) : 0, 0);
