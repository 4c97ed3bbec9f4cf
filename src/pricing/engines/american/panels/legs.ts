import { mills } from '../../../math/normal-fast.ts';
import { INV_SQRT_TWO_PI } from '../../../math/normal.ts';

/**
 * The two legs of a put with strike 1 at the log-spot y, `elapsed` years before the spot is compared with exp(level):
 *
 * - cash: exp(-rate elapsed) N(+-d-), the discounted probability that the spot is above (+) or below (-) the level;
 * - asset: exp(y - yield elapsed) N(+-d+), the spot in place of one unit of cash.
 *
 * Both sides of a leg are computed from the smaller tail, so that neither loses digits. The density of both legs is the
 * same up to the factor exp(level): exp(y - yield s) phi(d+) = exp(level - rate s) phi(d-). No term overflows where a
 * large negative yield lets the expected spot grow, because its probability falls faster.
 */
export type Legs = {
  cashAbove: number;
  cashBelow: number;
  assetAbove: number;
  assetBelow: number;
  /** exp(-rate s) phi(d-) / deviation: the derivative of the cash legs by the log-spot. */
  density: number;
  /** d- and d+ of the formulas above, no unit. */
  dMinus: number;
  dPlus: number;
};

/** Returns legs of zeros. A caller makes one and fills it again for each point, because the loop must make no objects. */
export const createLegs = (): Legs => ({
  cashAbove: 0,
  cashBelow: 0,
  assetAbove: 0,
  assetBelow: 0,
  density: 0,
  dMinus: 0,
  dPlus: 0,
});

/**
 * Writes the legs to `out`. `drift` is (rate - yield) s, `deviation` is volatility sqrt(s), the discounts are exp(-rate
 * s) and exp(-yield s). The parameters are positional because the function runs in inner loops.
 */
export const writeLegs = (
  out: Legs,
  y: number,
  spot: number,
  level: number,
  expLevel: number,
  drift: number,
  deviation: number,
  rateDiscount: number,
  yieldDiscount: number,
): void => {
  const centre = (y - level + drift) / deviation;
  const dMinus = centre - 0.5 * deviation;
  const dPlus = centre + 0.5 * deviation;
  const phi = rateDiscount * INV_SQRT_TWO_PI * Math.exp(-0.5 * dMinus * dMinus);
  const cashTail = phi * mills(Math.abs(dMinus));
  const assetTail = expLevel * phi * mills(Math.abs(dPlus));
  out.dMinus = dMinus;
  out.dPlus = dPlus;
  out.density = phi / deviation;
  out.cashAbove = dMinus > 0 ? rateDiscount - cashTail : cashTail;
  out.cashBelow = dMinus > 0 ? cashTail : rateDiscount - cashTail;
  if (dPlus > 0) {
    out.assetBelow = assetTail;
    out.assetAbove = spot * yieldDiscount - assetTail;
  } else {
    out.assetAbove = assetTail;
    out.assetBelow = spot * yieldDiscount - assetTail;
  }
};
