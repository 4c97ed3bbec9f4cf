import { parameterCount } from './boundary-curves.ts';
import type { CollocationPoints } from './collocation-points.ts';
import { createLegs, writeLegs } from './legs.ts';
import type { PutMarket } from './put-market.ts';

/**
 * The equations of the nodes of one panel. At a boundary B the put is worth 1 - B, which is the same as
 *
 *   cash = asset, with cash = 1 - european cash - income of the cash, asset = B - european asset - income of the asset
 *
 * in discounted probabilities (L. Andersen and M. Lake, "Fast American option pricing: the double-boundary case",
 * Wilmott 2021; for one boundary system B of Andersen, Lake and Offengenden 2016). The residual is ln(cash / asset):
 * near expiry both are tails of a normal distribution, so their logs are nearly quadratic and Newton's method is fast.
 */
export type PanelEquations = {
  readonly size: number;
  readonly residuals: Float64Array;
  readonly jacobian: Float64Array;
  /** [parameter][equation], derivatives of the residuals at fixed levels of this panel. */
  readonly byParameter: readonly Float64Array[];
  /** Max error of the price of an exercised put, in units of the strike. */
  readonly priceError: () => number;
  /** Evaluates the residuals and the Jacobian, with the derivatives by the parameters only if `full`. */
  readonly evaluate: (full: boolean) => void;
};

/** The levels of the panel: [curve][node], the first node known; and the known levels and tangents at earlier points. */
export type PanelLevels = {
  readonly levels: readonly Float64Array[];
  /** [curve][point] */
  readonly known: readonly Float64Array[];
  /** [curve * parameters + parameter][point] */
  readonly knownTangents: readonly Float64Array[];
  /** [curve * parameters + parameter]: derivatives of the known first node. */
  readonly firstTangents: readonly number[];
};

/** Below this -yield * time the asset leg of a negative yield loses no digits above the boundary. */
const MAX_GROWTH = 0.5;

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
  const cashes = new Float64Array(size);
  const assets = new Float64Array(size);
  const byCash = new Float64Array(size);
  const byAsset = new Float64Array(size);
  const knownExps = known.map((values) => values.map((value) => Math.exp(value)));
  const legs = createLegs();

  // oxlint-disable-next-line complexity -- one loop of a numerical method, with its cases as the paper has them
  const equation = (curve: number, node: number, full: boolean): void => {
    const nodeTime = nodeTimes[node]!;
    const y = levels[curve]![node + 1]!;
    const spot = Math.exp(y);
    const cashAbove = curves === 1;
    const assetAbove = cashAbove && -dividendYield * nodeTime < MAX_GROWTH;
    const deviation = volatility * Math.sqrt(nodeTime);
    const discounts = [Math.exp(-rate * nodeTime), Math.exp(-dividendYield * nodeTime)] as const;
    writeLegs(legs, y, spot, 0, 1, (rate - dividendYield) * nodeTime, deviation, ...discounts);
    let cash = cashAbove ? legs.cashAbove : -legs.cashBelow;
    let asset = assetAbove ? legs.assetAbove : -legs.assetBelow;
    let cashBySpot = legs.density;
    let assetBySpot = legs.density;
    let cashByRate = -nodeTime * cash + legs.density * nodeTime;
    let cashByYield = -legs.density * nodeTime;
    let cashByVolatility = -legs.density * Math.sqrt(nodeTime) * legs.plus;
    let assetByRate = legs.density * nodeTime;
    let assetByYield = -nodeTime * asset - legs.density * nodeTime;
    let assetByVolatility = -legs.density * Math.sqrt(nodeTime) * legs.minus;
    byCash.fill(0);
    byAsset.fill(0);
    for (let c = 0; c < curves; c++) {
      const sign = c === 0 ? 1 : -1;
      const curveLevels = levels[c]!;
      for (let k = 0; k < perNode; k++) {
        const at = node * perNode + k;
        const row = rows[at]!;
        let level = 0;
        if (row < 0) level = known[c]![at]!;
        else {
          const from = row * (nodes + 1);
          for (let l = 0; l <= nodes; l++) level += interpolation[from + l]! * curveLevels[l]!;
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
        const cashLeg = cashAbove ? legs.cashAbove : -legs.cashBelow;
        const assetLeg = assetAbove ? legs.assetAbove : -legs.assetBelow;
        const cashDensity = weight * rate * legs.density;
        const assetDensity = weight * dividendYield * expLevel * legs.density;
        cash += weight * rate * cashLeg;
        asset += weight * dividendYield * assetLeg;
        cashBySpot += cashDensity;
        assetBySpot += assetDensity;
        if (row >= 0) {
          const from = row * (nodes + 1);
          for (let l = 1; l <= nodes; l++) {
            byCash[c * nodes + l - 1]! -= cashDensity * interpolation[from + l]!;
            byAsset[c * nodes + l - 1]! -= assetDensity * interpolation[from + l]!;
          }
        }
        if (!full) continue;
        const first = row < 0 ? 1 : interpolation[row * (nodes + 1)]!;
        const tangent = (parameter: number): number =>
          first *
          (row < 0
            ? knownTangents[c * parameterCount + parameter]![at]!
            : firstTangents[c * parameterCount + parameter]!);
        const root = Math.sqrt(s);
        cashByRate += weight * cashLeg - s * weight * rate * cashLeg + cashDensity * (s - tangent(0));
        cashByYield += cashDensity * (-s - tangent(1));
        cashByVolatility += cashDensity * (-root * legs.plus - tangent(2));
        assetByRate += assetDensity * (s - tangent(0));
        assetByYield += weight * assetLeg - s * weight * dividendYield * assetLeg + assetDensity * (-s - tangent(1));
        assetByVolatility += assetDensity * (-root * legs.minus - tangent(2));
      }
    }
    if (!cashAbove) cash += 1;
    if (!assetAbove) asset += spot;
    assetBySpot += asset;
    const at = curve * nodes + node;
    cashes[at] = cash;
    assets[at] = asset;
    residuals[at] = Math.log(cash / asset);
    for (let l = 0; l < size; l++) jacobian[at * size + l] = byCash[l]! / cash - byAsset[l]! / asset;
    jacobian[at * size + at]! += cashBySpot / cash - assetBySpot / asset;
    byParameter[0]![at] = cashByRate / cash - assetByRate / asset;
    byParameter[1]![at] = cashByYield / cash - assetByYield / asset;
    byParameter[2]![at] = cashByVolatility / cash - assetByVolatility / asset;
  };

  return {
    size,
    residuals,
    jacobian,
    byParameter,
    priceError: () => cashes.reduce((max, cash, at) => Math.max(max, Math.abs(cash - assets[at]!)), 0),
    evaluate: (full) => {
      for (let c = 0; c < curves; c++) for (let i = 0; i < nodes; i++) equation(c, i, full);
    },
  };
};
