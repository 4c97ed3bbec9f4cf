import {
  ABOVE_MAXIMUM,
  BELOW_MINIMUM,
  NO_INFORMATION,
  NOT_CONVERGED,
  NOT_UNIQUE,
  type Inversion,
} from '../european/implied.ts';
import { rootBetween } from '../european/root-between.ts';
import { indexOfOutput } from '../../models/outputs.ts';

const MIN_VOLATILITY = 1e-6;
const MAX_VOLATILITY = 100;
/** Cells of the grid of volatilities, in which the price has at most one min or max. */
const CELLS = 72;
const GROWTH = (MAX_VOLATILITY / MIN_VOLATILITY) ** (1 / CELLS);
/** Bisections that place a min or max of the price. The price is flat there, so half of the digits are enough. */
const TURNS = 30;
/** Max steps of the search between two of them. */
const MAX_STEPS = 100;
const vegaAt = indexOfOutput.vega;

/**
 * Solves price = `price` for an option whose price can rise and fall with the volatility. Each piece between two mins or maxes has
 * at most one solution. The volatility is an answer only if one piece has one.
 * @param write writes price and greeks at a volatility to `out`
 * @param noise rounding error of the price: a piece that varies less does not determine a volatility
 */
export const volatilityByPieces = (
  write: (volatility: number) => void,
  out: Float64Array,
  price: number,
  noise: number,
): Inversion => {
  const differenceAt = (volatility: number): number => {
    write(volatility);
    return out[0]! - price;
  };
  let iterations = 0;
  let roots = 0;
  let isFlat = false;
  let isAbove = true;
  let isBelow = true;
  let rootLow = 0;
  let rootHigh = 0;
  let atRootLow = 0;
  let atRootHigh = 0;
  let low = 0;
  let atLow = differenceAt(0);
  let vegaLow = 0;

  const endPiece = (high: number, atHigh: number): void => {
    isAbove &&= atLow < -noise && atHigh < -noise;
    isBelow &&= atLow > noise && atHigh > noise;
    if (Math.abs(atLow) <= noise && Math.abs(atHigh) <= noise) isFlat = true;
    else if (atLow < 0 !== atHigh < 0) {
      roots++;
      [rootLow, atRootLow, rootHigh, atRootHigh] = [low, atLow, high, atHigh];
    }
    low = high;
    atLow = atHigh;
  };
  /** The volatility between `low` and `high` where vega changes its sign. */
  const turnBetween = (high: number): number => {
    let a = low;
    let b = high;
    for (let turn = 0; turn < TURNS; turn++) {
      const middle = 0.5 * (a + b);
      write(middle);
      iterations++;
      if (out[vegaAt]! > 0 === vegaLow > 0) a = middle;
      else b = middle;
    }
    return 0.5 * (a + b);
  };

  let node = MIN_VOLATILITY;
  for (let cell = 0; cell <= CELLS; cell++) {
    const high = Math.min(node, MAX_VOLATILITY);
    const atHigh = differenceAt(high);
    const vegaHigh = out[vegaAt]!;
    iterations++;
    if (Number.isNaN(atHigh) || Number.isNaN(vegaHigh)) return { volatility: NOT_CONVERGED, iterations };
    if (vegaLow * vegaHigh < 0) {
      const turn = turnBetween(high);
      endPiece(turn, differenceAt(turn));
    }
    endPiece(high, atHigh);
    vegaLow = vegaHigh;
    node *= GROWTH;
  }
  if (isFlat) return { volatility: NO_INFORMATION, iterations };
  if (roots > 1) return { volatility: NOT_UNIQUE, iterations };
  if (roots === 0) {
    const missing = isAbove ? ABOVE_MAXIMUM : isBelow ? BELOW_MINIMUM : NO_INFORMATION;
    return { volatility: missing, iterations };
  }
  const { x = NOT_CONVERGED, steps } = rootBetween({
    valueAt: differenceAt,
    first: rootLow,
    atFirst: atRootLow,
    second: rootHigh,
    atSecond: atRootHigh,
    maxSteps: MAX_STEPS,
  });
  return { volatility: x, iterations: iterations + steps };
};
