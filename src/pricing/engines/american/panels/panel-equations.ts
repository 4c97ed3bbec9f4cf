import { parameterCount, parameterIndex } from './boundary-curves.ts';
import type { CollocationPoints } from './collocation-points.ts';
import { createLegs, writeLegs } from './legs.ts';
import type { PutMarket } from './put-market.ts';

/**
 * The equations of the nodes of one panel. The put has strike 1, so all amounts are in units of the strike.
 *
 * Terms:
 * - A panel is an interval of the time to expiry. The boundary is a polynomial on it, given by its values at the nodes.
 * - A level is the natural log of boundary / strike at a node. It has no unit.
 * - European cash and European asset are the two legs of the European put: those below the strike (`legs.ts`).
 * - The income of the cash is the integral over the time to expiry of rate x (cash leg below the boundary).
 * - The income of the asset is the integral over the time to expiry of dividend yield x (asset leg below the boundary).
 * - With two boundaries the income is that below the upper boundary, less that below the lower one.
 *
 * At a boundary B the put is worth 1 - B. This is the same as
 *
 *     cash  = asset, where
 *     cash  = 1 - European cash  - income of the cash
 *     asset = B - European asset - income of the asset
 *
 * Source: L. Andersen and M. Lake, "Fast American option pricing: the double-boundary case", Wilmott 2021. For one boundary
 * these are the equations called 'B' in L. Andersen, M. Lake and D. Offengenden, "High performance American option pricing",
 * J. Computational Finance 20 (2016), 39-87.
 *
 * The residual of an equation is ln(cash / asset). Near expiry cash and asset are tails of a normal distribution. Their logs
 * are nearly quadratic there, so Newton's method needs few steps.
 */
export type PanelEquations = {
  /** The number of equations, which is the number of unknown levels: curves x nodes. Both are ordered [curve][node]. */
  readonly size: number;
  /** ln(cash / asset) of each equation, no unit. NaN or an infinity where cash and asset do not have the same sign. */
  readonly residuals: Float64Array;
  /** Derivatives of the residuals by the unknown levels: [equation][unknown level], row after row, `size` x `size` values. */
  readonly jacobian: Float64Array;
  /**
   * Derivatives of the residuals by the parameters of the market: [parameter][equation], parameters in the order of
   * `parameterIndex`. The unknown levels are held fixed, and the known levels move by their tangents. The values are valid
   * only after `evaluate(true)`.
   */
  readonly byParameter: readonly Float64Array[];
  /**
   * Returns the max error, over the nodes, of the value of the put at the boundary, in units of the strike: the difference
   * between 1 - B and the value by the integrals. It belongs to the last `evaluate`, and is 0 before the first one.
   */
  readonly priceError: () => number;
  /**
   * Writes `residuals` and `jacobian` for the present `PanelLevels.levels`, and `byParameter` too if `full` is true.
   * It throws no error: levels without a solution give residuals that are not finite.
   */
  readonly evaluate: (full: boolean) => void;
};

/** The boundaries at the nodes and at the quadrature points. All levels are natural logs of boundary / strike. */
export type PanelLevels = {
  /** [curve][node]: the levels of this panel. Node 0 is known. The caller changes the others between evaluations. */
  readonly levels: readonly Float64Array[];
  /** [curve][point]: the known levels at the points of earlier panels. The values at points of this panel are not used. */
  readonly known: readonly Float64Array[];
  /** [curve * parameterCount + parameter][point]: derivatives of `known` by the parameters. */
  readonly knownTangents: readonly Float64Array[];
  /** [curve * parameterCount + parameter]: derivatives of the levels at node 0 by the parameters. */
  readonly firstTangents: readonly number[];
};

/**
 * Up to this value of -yield x time (no unit), the asset is computed from the probability above the boundary without loss of
 * digits. Beyond it the probability below the boundary is used, because with a negative yield the two terms above the boundary
 * have different signs and grow with exp(-yield x time), so their difference would lose digits.
 */
const MAX_GROWTH = 0.5;

/**
 * Returns the equations of one panel. The first curve is the upper boundary. A second curve is the lower one, and the put is
 * exercised between them. The arrays of the result are reused by each evaluation. All of them are 0 before the first one.
 */
export const createPanelEquations = (
  { rate, dividendYield, volatility }: PutMarket,
  points: CollocationPoints,
  { levels, known, knownTangents, firstTangents }: PanelLevels,
): PanelEquations => {
  const { nodeTimes, perNode, weights, elapsed, drifts, deviations, rateDiscounts, yieldDiscounts, rows } = points;
  const { interpolation } = points;
  const curves = levels.length;
  const nodes = nodeTimes.length;
  const size = curves * nodes;
  const residuals = new Float64Array(size);
  const jacobian = new Float64Array(size * size);
  const byParameter = Array.from({ length: parameterCount }, () => new Float64Array(size));
  /** Cash and asset of each equation, in units of the strike. */
  const cashes = new Float64Array(size);
  const assets = new Float64Array(size);
  /** Derivatives of the cash and of the asset of one equation by each unknown level. */
  const cashByLevel = new Float64Array(size);
  const assetByLevel = new Float64Array(size);
  const knownExps = known.map((values) => values.map((value) => Math.exp(value)));
  const legs = createLegs();

  // oxlint-disable-next-line complexity -- one loop over the points; each case is a term of the equations of `PanelEquations`
  const writeEquation = (curve: number, node: number, full: boolean): void => {
    const nodeTime = nodeTimes[node]!;
    const y = levels[curve]![node + 1]!;
    const spot = Math.exp(y);
    // The probability above the boundary is 1 less that below it. With it the constants 1 and B cancel, and the cash has no
    // negative term, because a put with one boundary has a rate >= 0. With two boundaries the constants do not cancel.
    const usesCashAbove = curves === 1;
    const usesAssetAbove = usesCashAbove && -dividendYield * nodeTime < MAX_GROWTH;
    const deviation = volatility * Math.sqrt(nodeTime);
    const discounts = [Math.exp(-rate * nodeTime), Math.exp(-dividendYield * nodeTime)] as const;
    // The European legs compare the spot with the strike: level 0, which is the log of 1.
    writeLegs(legs, y, spot, 0, 1, (rate - dividendYield) * nodeTime, deviation, ...discounts);
    let cash = usesCashAbove ? legs.cashAbove : -legs.cashBelow;
    let asset = usesAssetAbove ? legs.assetAbove : -legs.assetBelow;
    // Derivatives by the log of the spot, which is the level of this node. That of the asset also has the asset itself as a term,
    // which is added at the end.
    let cashByLogSpot = legs.density;
    let assetByLogSpot = legs.density;
    let cashByRate = -nodeTime * cash + legs.density * nodeTime;
    let cashByYield = -legs.density * nodeTime;
    let cashByVolatility = -legs.density * Math.sqrt(nodeTime) * legs.dPlus;
    let assetByRate = legs.density * nodeTime;
    let assetByYield = -nodeTime * asset - legs.density * nodeTime;
    let assetByVolatility = -legs.density * Math.sqrt(nodeTime) * legs.dMinus;
    cashByLevel.fill(0);
    assetByLevel.fill(0);
    for (let c = 0; c < curves; c++) {
      // The put earns income between the boundaries: the income below the upper one, less that below the lower one.
      const sign = c === 0 ? 1 : -1;
      const curveLevels = levels[c]!;
      for (let k = 0; k < perNode; k++) {
        const at = node * perNode + k;
        const row = rows[at]!;
        let level = 0;
        if (row < 0) level = known[c]![at]!;
        else {
          const from = row * (nodes + 1);
          for (let i = 0; i <= nodes; i++) level += interpolation[from + i]! * curveLevels[i]!;
        }
        const expLevel = row < 0 ? knownExps[c]![at]! : Math.exp(level);
        const s = elapsed[at]!;
        writeLegs(
          legs,
          y,
          spot,
          level,
          expLevel,
          drifts[at]!,
          deviations[at]!,
          rateDiscounts[at]!,
          yieldDiscounts[at]!,
        );
        const weight = sign * weights[at]!;
        const cashLeg = usesCashAbove ? legs.cashAbove : -legs.cashBelow;
        const assetLeg = usesAssetAbove ? legs.assetAbove : -legs.assetBelow;
        const cashDensity = weight * rate * legs.density;
        const assetDensity = weight * dividendYield * expLevel * legs.density;
        cash += weight * rate * cashLeg;
        asset += weight * dividendYield * assetLeg;
        cashByLogSpot += cashDensity;
        assetByLogSpot += assetDensity;
        if (row >= 0) {
          const from = row * (nodes + 1);
          // Node 0 is known, so there is no derivative by its level, and node i is the unknown i - 1 of its curve.
          for (let i = 1; i <= nodes; i++) {
            cashByLevel[c * nodes + i - 1]! -= cashDensity * interpolation[from + i]!;
            assetByLevel[c * nodes + i - 1]! -= assetDensity * interpolation[from + i]!;
          }
        }
        if (!full) continue;
        // A point of this panel moves by the tangent of node 0, as far as its level depends on that node.
        const first = row < 0 ? 1 : interpolation[row * (nodes + 1)]!;
        const tangent = (parameter: number): number =>
          first *
          (row < 0
            ? knownTangents[c * parameterCount + parameter]![at]!
            : firstTangents[c * parameterCount + parameter]!);
        const root = Math.sqrt(s);
        const levelByRate = tangent(parameterIndex.rate);
        const levelByYield = tangent(parameterIndex.dividendYield);
        const levelByVolatility = tangent(parameterIndex.volatility);
        cashByRate += weight * cashLeg - s * weight * rate * cashLeg + cashDensity * (s - levelByRate);
        cashByYield += cashDensity * (-s - levelByYield);
        cashByVolatility += cashDensity * (-root * legs.dPlus - levelByVolatility);
        assetByRate += assetDensity * (s - levelByRate);
        assetByYield += weight * assetLeg - s * weight * dividendYield * assetLeg + assetDensity * (-s - levelByYield);
        assetByVolatility += assetDensity * (-root * legs.dMinus - levelByVolatility);
      }
    }
    // The legs below the boundary were subtracted, so the total is added to get the complement: 1 for the cash, B for the asset.
    if (!usesCashAbove) cash += 1;
    if (!usesAssetAbove) asset += spot;
    assetByLogSpot += asset;
    const at = curve * nodes + node;
    cashes[at] = cash;
    assets[at] = asset;
    residuals[at] = Math.log(cash / asset);
    for (let column = 0; column < size; column++) {
      jacobian[at * size + column] = cashByLevel[column]! / cash - assetByLevel[column]! / asset;
    }
    jacobian[at * size + at]! += cashByLogSpot / cash - assetByLogSpot / asset;
    byParameter[parameterIndex.rate]![at] = cashByRate / cash - assetByRate / asset;
    byParameter[parameterIndex.dividendYield]![at] = cashByYield / cash - assetByYield / asset;
    byParameter[parameterIndex.volatility]![at] = cashByVolatility / cash - assetByVolatility / asset;
  };

  return {
    size,
    residuals,
    jacobian,
    byParameter,
    priceError: () => cashes.reduce((max, cash, at) => Math.max(max, Math.abs(cash - assets[at]!)), 0),
    evaluate: (full) => {
      for (let c = 0; c < curves; c++) for (let i = 0; i < nodes; i++) writeEquation(c, i, full);
    },
  };
};
