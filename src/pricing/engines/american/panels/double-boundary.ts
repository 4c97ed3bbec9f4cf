import type { BoundaryCurves } from './boundary-curves.ts';
import { createPanelMarch } from './panel-march.ts';
import type { PanelTables } from './panel-mesh.ts';
import type { PutMarket } from './put-market.ts';

/** Each panel ends at this multiple of its start. After a failure the panels grow more slowly. */
const RATIO = 4;
const CAREFUL_RATIO = 1.5;
const MAX_FAILURES = 12;
const MAX_PANELS = 60;

/**
 * The two exercise boundaries of a put with yield < rate < 0, up to `time` years to expiry. The upper one starts at the
 * strike, the lower one at rate / yield of the strike. Where the volatility is large they meet after a finite time.
 * Undefined if they meet before `time`, or if Newton's method did not converge.
 */
export const solveDoubleBoundary = (
  market: PutMarket,
  time: number,
  tables: PanelTables,
): BoundaryCurves | undefined => {
  const { rate, dividendYield, volatility } = market;
  const bottom = Math.log(rate / dividendYield);
  const march = createPanelMarch(market, tables, [0, bottom], [0, 0, 0, 1 / rate, -1 / dividendYield, 0]);
  const { ends, levels } = march.curves;
  const lastOf = (curve: number, initial: number): number => levels[curve]!.at(-1)?.[tables.nodes] ?? initial;
  const slopeOf = (curve: number): number => {
    const values = levels[curve]!.at(-1)!;
    const [from, to] = [Math.sqrt(ends.at(-2)!), Math.sqrt(ends.at(-1)!)];
    return (
      (values[tables.nodes]! - values[tables.nodes - 1]!) / ((to - from) * 0.5 * (1 - Math.cos(Math.PI / tables.nodes)))
    );
  };
  const guesses = (to: number): Float64Array[] =>
    [0, bottom].map((initial, curve) => {
      const times = march.nodeTimes(to);
      if (ends.length === 1) {
        return times.map((u) => initial + (curve === 0 ? -2 : 1) * volatility * Math.sqrt(u));
      }
      const start = Math.sqrt(ends.at(-1)!);
      const slope = slopeOf(curve);
      return times.map((u) => lastOf(curve, initial) + slope * (Math.sqrt(u) - start));
    });
  // The boundaries are apart by the log of yield / rate at expiry, and move by some deviations.
  const scale = Math.min(time, (bottom / volatility) ** 2);
  let step = scale * RATIO ** -tables.levels;
  let failures = 0;
  while (ends.at(-1)! < time) {
    const from = ends.at(-1)!;
    const to = from + step > 0.97 * time ? time : from + step;
    if (march.advance(to, guesses(to))) {
      step = failures === 0 ? (RATIO - 1) * to : CAREFUL_RATIO * (to - from);
    } else {
      failures++;
      step = 0.5 * (to - from);
    }
    if (failures > MAX_FAILURES || ends.length > MAX_PANELS) return undefined;
  }
  return march.curves;
};
