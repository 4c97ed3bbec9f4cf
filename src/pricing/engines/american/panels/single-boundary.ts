import { qdPlusBoundary } from '../quadratic-boundary.ts';
import type { BoundaryCurves } from './boundary-curves.ts';
import { createPanelMarch } from './panel-march.ts';
import { panelEnds, type PanelTables } from './panel-mesh.ts';
import { decayRate, logTop, type PutMarket } from './put-market.ts';

/** After this many times 1 / decay the boundary is that of the perpetual option. */
const SETTLED = 45;
const MAX_SPLITS = 4;

/**
 * The exercise boundary of a put with `rate` >= 0 up to `time` years to expiry. Undefined if Newton's method did not
 * converge.
 */
export const solveSingleBoundary = (
  market: PutMarket,
  time: number,
  tables: PanelTables,
): BoundaryCurves | undefined => {
  const { rate, dividendYield, volatility } = market;
  const decay = decayRate(market);
  // Squares of the volatility underflow.
  if (!Number.isFinite(decay)) return undefined;
  const top = logTop(market);
  const expTop = Math.exp(top);
  const isBelowStrike = dividendYield > rate;
  const topTangents = isBelowStrike ? [1 / rate, -1 / dividendYield, 0] : [0, 0, 0];
  const march = createPanelMarch(market, tables, [top], topTangents);
  const { ends, levels } = march.curves;

  const guessAt = (to: number): Float64Array => {
    const times = march.nodeTimes(to);
    const last = levels[0]!.at(-1)?.[tables.nodes] ?? top;
    let guess = Math.exp(last);
    return times.map((nodeTime, i) => {
      if (i === 0) return last;
      guess = qdPlusBoundary(guess, expTop, 1, nodeTime, rate, dividendYield, volatility);
      const level = Math.log(guess);
      return level < last ? level : last - 1e-12;
    });
  };
  const flat = (to: number): Float64Array =>
    march.nodeTimes(to).fill((levels[0]!.at(-1)?.[tables.nodes] ?? top) - 1e-9);

  const advance = (to: number, splits: number): boolean => {
    if (march.advance(to, [guessAt(to)]) || march.advance(to, [flat(to)])) return true;
    if (splits === 0) return false;
    const from = ends.at(-1)!;
    return advance(from === 0 ? to / 16 : Math.sqrt(from * to), splits - 1) && advance(to, splits - 1);
  };

  for (const end of panelEnds(Math.min(time, SETTLED / decay), decay, tables.levels).slice(1)) {
    if (!advance(end, MAX_SPLITS)) return undefined;
  }
  return march.curves;
};
