import { addIntegral } from '../../../math/adaptive-integral.ts';
import { atWeights, parameterCount, parameterIndex, type BoundaryCurves } from './boundary-curves.ts';
import { createLegs, writeLegs } from './legs.ts';
import { decayRate, type PutMarket } from './put-market.ts';

/** Components of the early-exercise premium: its value and derivatives. y is the log of the spot. */
export const premiumParts = {
  value: 0,
  byY: 1,
  byYY: 2,
  byYYY: 3,
  byRate: 4,
  byYield: 5,
  byVolatility: 6,
  byYVolatility: 7,
} as const;
const partCount = 8;

export type PremiumSettings = {
  /** Only the value is needed. */
  readonly valueOnly: boolean;
  /** Years after which no boundary exists; the curves are constant after their last panel. */
  readonly lastTime: number;
};

/**
 * The early-exercise premium of a put with strike 1 at the log-spot `y`, which is not exercised now, and its derivatives
 * in the order of `premiumParts`. The boundary moves with the parameters, by its tangents.
 */
export const premiumIntegral = (
  market: PutMarket,
  { ends, levels, tangents, panelAt, weightsAt }: BoundaryCurves,
  y: number,
  time: number,
  { valueOnly, lastTime }: PremiumSettings,
): Float64Array => {
  const { rate, dividendYield, volatility } = market;
  const spot = Math.exp(y);
  const curves = levels.length;
  const row = new Float64Array(levels[0]![0]!.length);
  const legs = createLegs();
  const sums = new Float64Array(partCount);
  const count = valueOnly ? 1 : partCount;
  const lastEnd = ends.at(-1)!;

  const addIncome = (u: number, s: number, weight: number, out: Float64Array): void => {
    const clamped = Math.min(u, lastEnd);
    const panel = panelAt(clamped);
    weightsAt(panel, clamped, row);
    const root = Math.sqrt(s);
    const deviation = volatility * root;
    const rateDiscount = Math.exp(-rate * s);
    const yieldDiscount = Math.exp(-dividendYield * s);
    for (let c = 0; c < curves; c++) {
      const w = c === 0 ? weight : -weight;
      const level = atWeights(levels[c]![panel]!, row);
      const expLevel = Math.exp(level);
      writeLegs(legs, y, spot, level, expLevel, (rate - dividendYield) * s, deviation, rateDiscount, yieldDiscount);
      const { cashBelow, assetBelow, density, dMinus, dPlus } = legs;
      out[0]! += w * (rate * cashBelow - dividendYield * assetBelow);
      if (valueOnly) continue;
      const gap = rate - dividendYield * expLevel;
      const assetDensity = expLevel * density;
      const slope = (-dMinus / deviation) * density;
      const tangent = (parameter: number): number => atWeights(tangents[c * parameterCount + parameter]![panel]!, row);
      const byVolatility = tangent(parameterIndex.volatility);
      const assetByY = assetBelow - assetDensity;
      out[1]! += w * (-gap * density - dividendYield * assetBelow);
      out[2]! += w * (-gap * slope - dividendYield * assetByY);
      out[3]! +=
        w *
        (((-gap * (dMinus * dMinus - 1)) / (deviation * deviation)) * density -
          dividendYield * (assetByY - expLevel * slope));
      out[4]! += w * (cashBelow - s * rate * cashBelow - gap * density * (s - tangent(parameterIndex.rate)));
      out[5]! +=
        w *
        (-assetBelow + s * dividendYield * assetBelow + gap * density * (s + tangent(parameterIndex.dividendYield)));
      out[6]! +=
        w *
        (rate * density * root * dPlus - dividendYield * assetDensity * root * dMinus + gap * density * byVolatility);
      out[7]! +=
        w *
        ((-gap * density * (dMinus * dPlus - 1)) / volatility -
          dividendYield * assetDensity * root * dMinus +
          gap * slope * byVolatility);
    }
  };

  const tolerance = valueOnly ? 1e-13 : 1e-11;
  const middle = Math.min(0.5 * time, lastTime);
  const pastCuts = [...ends.filter((end) => end < middle * 0.999), middle].map(Math.sqrt);
  for (let k = 1; k < pastCuts.length; k++) {
    const from = pastCuts[k - 1]!;
    addIntegral(
      (x, weight, out) => addIncome(x * x, time - x * x, 2 * x * weight, out),
      from,
      pastCuts[k]!,
      count,
      tolerance,
      sums,
    );
  }
  // Near the present the income changes within the time that the spot needs to reach the boundary.
  const nearest = time - lastTime;
  const panel = panelAt(Math.min(time, lastEnd));
  weightsAt(panel, Math.min(time, lastEnd), row);
  const distance = Math.abs(y - atWeights(levels[0]![panel]!, row)) / volatility;
  const present = time - middle;
  const cuts = [nearest, ...ends.map((end) => time - end).filter((s) => s < present * 0.999 && s > nearest), present];
  let cut = Math.max(1e-13 * time, Math.min(0.05 / decayRate(market), 0.01 * distance * distance));
  if (!(cut > 0)) cut = 1e-13 * time;
  for (; cut < present; cut *= 4) if (cut > nearest) cuts.push(cut);
  const roots = cuts.toSorted((a, b) => a - b).map(Math.sqrt);
  for (let k = 1; k < roots.length; k++) {
    addIntegral(
      (x, weight, out) => addIncome(time - x * x, x * x, 2 * x * weight, out),
      roots[k - 1]!,
      roots[k]!,
      count,
      tolerance,
      sums,
    );
  }
  return sums;
};
