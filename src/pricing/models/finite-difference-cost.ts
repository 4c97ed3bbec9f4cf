import { isWithoutVolatility, NEGLIGIBLE_DEVIATION } from '../engines/american/american-limits.ts';
import { MAX_VOLATILITY } from '../engines/european/root-volatility.ts';
import { LIMIT_DEVIATION } from '../engines/finite-difference/finite-difference-engine.ts';
import { HALF_NODES, LOWEST_EDGE, MAX_NODES, reachOfDeviation } from '../engines/finite-difference/grid-layout.ts';
import { countOfDividends, numberOr, sumOfDividends, type CostInputs } from './cost-inputs.ts';

/** The costs of `finite_difference`, in microseconds. See docs/decisions/0380. */

/**
 * Costs of a grid. A spot with a large deviation at expiry needs a wide grid, which has more nodes. `usual` is so high that
 * greeks are never priced on the event loop of the service: the boundary of the exercise may be next to the spot, and then
 * they take ten times as long. `known` is the cost without time or volatility.
 */
const gridCosts = { usual: 1_700, wide: 8_000, fast: 16_000, dividend: 60, known: 10, knownDividend: 0.3 } as const;
const WIDE_DEVIATION = 0.5;
/** Max factor of the time steps of a grid, as in `grid-price.ts`. */
const MAX_STEPS_FACTOR = 4;
/** Greeks near zero volatility take as long as this number of prices at one of `LIMIT_VOLATILITIES`, if none of these has a value. */
const LIMIT_PRICES = 24;
/** The volatilities of the differences near zero volatility: one and two steps from it, as in `writeNumericGreeks`. */
const LIMIT_VOLATILITIES = [1e-5, 2e-5] as const;

/** A smaller rest of the spot makes no grid wider: it has the max number of nodes, or ends at the lowest edge. */
const MAX_TIMES_REST = 3;
/** Nodes of the grids between usual dividends. */
const USUAL_NODES = 140;
/** Factor of the cost of a price whose grids have the max number of nodes. The error decides how fine they become. */
const MAX_WIDTH_FACTOR = 3;

/**
 * Factor of the cost for the width of the grids: an interval after a large dividend has three times the nodes. The sum of all
 * dividends counts, whenever they are paid, because their order needs a sorted list.
 */
const widthFactor = (row: CostInputs, years: number, deviation: number): number => {
  const spot = numberOr(row.spot, 0);
  const paid = sumOfDividends(row) * Math.max(1, Math.exp(-numberOr(row.rate, 0) * years));
  if (!(spot > 0 && paid > 0 && deviation > 0)) return 1;
  const timesRest = paid < spot ? Math.min(spot / (spot - paid), MAX_TIMES_REST) : MAX_TIMES_REST;
  const reach = reachOfDeviation(deviation);
  const high = Math.log1p(timesRest * Math.expm1(reach));
  const low = Math.log(Math.max(1 + timesRest * Math.expm1(-reach), LOWEST_EDGE.max * timesRest));
  const nodes = ((high - low) / reach) * HALF_NODES;
  const share = (nodes - USUAL_NODES) / (MAX_NODES - USUAL_NODES);
  // No number, because of an infinite spot or deviation, is the max.
  return 1 + (MAX_WIDTH_FACTOR - 1) * (share < 1 ? Math.max(share, 0) : 1);
};

/** @param knownUpTo at this volatility and below, no grid is needed if the deviation at expiry is negligible */
const gridCostOf = (row: CostInputs, knownUpTo: number): number => {
  const years = Math.max(numberOr(row.time_to_expiry, 0), 0);
  const volatility = numberOr(row.volatility, 0.2);
  const dividends = countOfDividends(row);
  if (isWithoutVolatility(years, knownUpTo, NEGLIGIBLE_DEVIATION))
    return gridCosts.known + dividends * gridCosts.knownDividend;
  const deviation = volatility * Math.sqrt(years);
  const interest = Math.max(Math.abs(numberOr(row.rate, 0)), Math.abs(numberOr(row.dividend_yield, 0))) * years;
  const factor = Math.min(MAX_STEPS_FACTOR, Math.max(1, interest / deviation));
  const width = dividends > 0 ? widthFactor(row, years, deviation) : 1;
  const perGrid = (deviation > WIDE_DEVIATION ? gridCosts.wide : gridCosts.usual) * width;
  const grids = factor > 1 ? Math.max(gridCosts.fast, perGrid * factor) : perGrid;
  return grids + dividends * gridCosts.dividend * width;
};
export const gridCost = (row: CostInputs): number => gridCostOf(row, numberOr(row.volatility, 0.2));
/** A search for the volatility goes up to `MAX_VOLATILITY`, so its prices need grids also where 0.2 would be negligible. */
export const gridSearchCost = (row: CostInputs): number => gridCostOf(row, MAX_VOLATILITY);

/** Near zero volatility the greeks are differences of prices, and those by the volatility are priced on grids. */
export const gridGreeksCost = (row: CostInputs): number => {
  const years = numberOr(row.time_to_expiry, 0);
  const isLimit = years > 0 && isWithoutVolatility(years, numberOr(row.volatility, 0.2), LIMIT_DEVIATION);
  if (!isLimit) return 0;
  return LIMIT_PRICES * Math.max(...LIMIT_VOLATILITIES.map((volatility) => gridCost({ ...row, volatility })));
};
