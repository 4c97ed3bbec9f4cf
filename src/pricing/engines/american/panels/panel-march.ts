import { atWeights, createCurves, parameterCount, type BoundaryCurves } from './boundary-curves.ts';
import { collocationPoints } from './collocation-points.ts';
import { solveLinear } from './linear-system.ts';
import { createPanelEquations, type PanelEquations } from './panel-equations.ts';
import type { PanelTables } from './panel-mesh.ts';
import type { PutMarket } from './put-market.ts';

/**
 * Max work to solve one boundary, and two, in integrands that are evaluated. All of 300 random options of the whole domain
 * with one boundary took at most 70,000 on both meshes together, which is about 20 ms. Where Newton's method does not
 * converge, halved panels and steps would take fifty times as much.
 */
const MAX_WORK = [100_000, 4_000_000] as const;
const MAX_STEPS = 40;
const MAX_HALVINGS = 10;
/** Max change of the log of the spot in one step. */
const MAX_CHANGE = 2;
/** Residuals of a price below this, in units of the strike, are rounding errors. */
const ROUNDING = 1e-14;

export type PanelMarch = {
  readonly curves: BoundaryCurves;
  /**
   * Solves the panel from the last end to `to`, from the guesses [curve][node]. If it fails, no panel is added.
   * @returns true if Newton's method converged. After the max work of a solution all further calls return false
   */
  readonly advance: (to: number, guesses: readonly Float64Array[]) => boolean;
  /** Times of the nodes of a panel that ends at `to`. */
  readonly nodeTimes: (to: number) => Float64Array;
};

/**
 * Solves one or two boundaries panel after panel, from expiry on. `tops` are the logs of the boundaries just before
 * expiry, and `topTangents` their derivatives, [curve * parameterCount + parameter], in the order of `parameterIndex`.
 */
export const createPanelMarch = (
  market: PutMarket,
  tables: PanelTables,
  tops: readonly number[],
  topTangents: readonly number[],
): PanelMarch => {
  const { nodes, far } = tables;
  const curves = createCurves(tables, tops.length);
  const { ends, levels, tangents } = curves;
  const farTimes: number[] = [];
  const farWeights: number[] = [];
  let farPanels = 0;
  const row = new Float64Array(nodes + 1);
  const maxWork = MAX_WORK[tops.length - 1]!;
  let work = 0;

  /** Adds the quadrature points of the panels that are at least one panel away. */
  const addFarPoints = (): void => {
    for (; farPanels < ends.length - 2; farPanels++) {
      const start = Math.sqrt(ends[farPanels]!);
      const width = Math.sqrt(ends[farPanels + 1]!) - start;
      far.nodes.forEach((x, k) => {
        const root = start + width * x;
        farTimes.push(root * root);
        farWeights.push(2 * root * width * far.weights[k]!);
      });
    }
  };

  const sample = (from: number, times: Float64Array, rows: Int32Array, values: readonly Float64Array[][]) => {
    const result = values.map(() => new Float64Array(times.length));
    times.forEach((time, at) => {
      if (rows[at]! >= 0 || time >= from) return;
      const panel = curves.panelAt(time);
      curves.weightsAt(panel, time, row);
      values.forEach((panels, index) => {
        result[index]![at] = atWeights(panels[panel]!, row);
      });
    });
    return result;
  };

  /** Newton's method with halved steps where a full one makes the residuals larger. */
  const converge = (
    equations: PanelEquations,
    unknowns: readonly Float64Array[],
    workPerEvaluation: number,
  ): boolean => {
    const { size, residuals, jacobian } = equations;
    const norm = (): number => residuals.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const hasNaN = (): boolean => residuals.some((value) => !Number.isFinite(value));
    const from = unknowns.map((values) => values.slice());
    let lastChange = Infinity;
    equations.evaluate(false);
    if (hasNaN()) return false;
    for (let step = 0; step < MAX_STEPS; step++) {
      const before = norm();
      const change = residuals.slice();
      solveLinear(jacobian.slice(), size, [change]);
      const max = change.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
      if (!Number.isFinite(max)) return false;
      const small = equations.priceError() < ROUNDING;
      if (max < 1e-11 || (small && max > 0.2 * lastChange)) return true;
      lastChange = max;
      unknowns.forEach((values, c) => from[c]!.set(values));
      let factor = Math.min(1, MAX_CHANGE / max);
      for (let halving = 0; ; halving++) {
        unknowns.forEach((values, c) => {
          for (let i = 1; i <= nodes; i++) {
            // The boundary does not cross its value at expiry.
            const next = from[c]![i]! - factor * change[c * nodes + i - 1]!;
            const top = tops[c]!;
            const crossed = c === 0 ? next > top : next < top;
            values[i] = crossed ? 0.5 * (from[c]![i]! + top) : next;
          }
        });
        if ((work += workPerEvaluation) > maxWork) return false;
        equations.evaluate(false);
        if (!hasNaN() && (norm() < 2 * before || small)) break;
        if (halving === MAX_HALVINGS) return false;
        factor *= 0.5;
      }
    }
    return false;
  };

  const nodeTimes = (to: number): Float64Array => {
    const start = Math.sqrt(ends.at(-1)!);
    const end = Math.sqrt(to);
    return tables.positions.map((z) => (0.5 * (start + end + (end - start) * z)) ** 2);
  };

  const advance = (to: number, guesses: readonly Float64Array[]): boolean => {
    if (work > maxWork) return false;
    const from = ends.at(-1)!;
    const nearFrom = ends.length < 3 ? 0 : ends.at(-2)!;
    addFarPoints();
    const points = collocationPoints(market, tables, from, to, nearFrom, { times: farTimes, weights: farWeights });
    const firstOf = (panels: readonly Float64Array[], initial: number): number => panels.at(-1)?.[nodes] ?? initial;
    const unknowns = tops.map((top, c) => {
      const values = Float64Array.from(guesses[c]!);
      values[0] = firstOf(levels[c]!, top);
      return values;
    });
    const firstTangents = tangents.map((panels, index) => firstOf(panels, topTangents[index]!));
    const equations = createPanelEquations(market, points, {
      levels: unknowns,
      known: sample(from, points.times, points.rows, levels),
      knownTangents: sample(from, points.times, points.rows, tangents),
      firstTangents,
    });
    if (!converge(equations, unknowns, equations.size * tops.length * points.perNode)) return false;
    // Two boundaries that cross are a solution of the equations, but not of the option.
    const [upper, lower] = unknowns;
    if (lower?.some((level, i) => level >= upper![i]!)) return false;
    equations.evaluate(true);
    const columns = equations.byParameter.map((values) => values.map((value) => -value));
    solveLinear(equations.jacobian.slice(), equations.size, columns);
    unknowns.forEach((values, c) => {
      levels[c]!.push(values);
      columns.forEach((column, parameter) => {
        const index = c * parameterCount + parameter;
        const panel = new Float64Array(nodes + 1);
        panel[0] = firstTangents[index]!;
        panel.set(column.subarray(c * nodes, (c + 1) * nodes), 1);
        tangents[index]!.push(panel);
      });
    });
    ends.push(to);
    return true;
  };

  return { curves, advance, nodeTimes };
};
