import type { SpotKernel } from '../numeric-greeks.ts';
import {
  deterministicAmericanPut,
  hasTwoBoundaries,
  isNeverExercisedEarly,
  isWithoutVolatility,
} from './american-limits.ts';
import { createAndersenLake, type AndersenLake } from './andersen-lake.ts';
import { createScheme, schemeSizes, type SchemeSize } from './andersen-lake-scheme.ts';
import { blackScholesPrice } from '../european/black-scholes.ts';
import { createPanelPut, type PanelPut } from './panels/panel-put.ts';
import { errorBounds, type Precision } from './precision.ts';

/** A scheme, and the max growth for which its error stays below the bound, also for a spot close to the boundary. */
type Tier = { readonly size: SchemeSize; readonly maxGrowth: number; readonly maxCloseGrowth: number };

/**
 * The schemes of a precision, the fastest first. The error of a scheme with converged steps grows with `growthOf`. The
 * limits leave a margin on 5,000 random options; `npm run bench:pricing` checks the bounds over the whole
 * domain. No scheme of this kind reaches the bound of `high`, because near expiry the boundary is not a polynomial.
 */
const tiersOf: Readonly<Record<Precision, readonly Tier[]>> = {
  fast: [
    { size: schemeSizes.small, maxGrowth: 0.4, maxCloseGrowth: 0.4 },
    { size: schemeSizes.large, maxGrowth: 0.8, maxCloseGrowth: 0.8 },
  ],
  default: [
    { size: schemeSizes.medium, maxGrowth: 0.3, maxCloseGrowth: 0.1 },
    { size: schemeSizes.large, maxGrowth: 0.8, maxCloseGrowth: 0.8 },
  ],
  high: [],
};

/** Outside these limits the schemes were not measured: the deviation, and the drift in units of the deviation. */
const MAX_DEVIATION = 1.5;
const MAX_DRIFT = 2;
/** Share of the bound below which a deviation counts as none. */
const KNOWN_SHARE = 0.01;

/** Max of rate and yield times the time, or infinity outside the limits of the schemes. */
export const growthOf = (time: number, rate: number, dividendYield: number, volatility: number): number => {
  const deviation = volatility * Math.sqrt(time);
  const isMeasured = deviation <= MAX_DEVIATION && Math.abs((rate - dividendYield) * time) <= MAX_DRIFT * deviation;
  return isMeasured ? Math.max(rate, Math.abs(dividendYield)) * time : Infinity;
};

/**
 * American options within the bound of a precision: the smallest scheme of Andersen, Lake and Offengenden that reaches
 * it, else one or two boundaries on panels. NaN if no method reaches the bound. Buffers are reused, so calls must not overlap.
 * @param openPanels called before the first price on panels, which take milliseconds. What it throws, the kernel throws
 */
export const createAdaptiveAmerican = (
  precision: Precision,
  openPanels: () => PanelPut = createPanelPut,
): SpotKernel => {
  const bound = errorBounds[precision];
  const schemes: (AndersenLake | undefined)[] = [];
  const tiers = tiersOf[precision];
  let panels: PanelPut | undefined;

  /** Price of a put with an error below `scale` times the bound, in units of its strike. */
  const put = (
    spot: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
    scale: number,
  ): number => {
    if (isWithoutVolatility(time, volatility, KNOWN_SHARE * bound * scale))
      return deterministicAmericanPut(spot, strike, time, rate, dividendYield);
    const market = { rate, dividendYield, volatility };
    if (hasTwoBoundaries(rate, dividendYield)) {
      // Two meshes are compared at a tenth of the bound, because a price may exceed the strike and the mesh errors add up.
      panels ??= openPanels();
      return strike * panels.priceOfTwo(spot / strike, time, market, 0.1 * bound * scale);
    }
    if (isNeverExercisedEarly(rate, dividendYield)) {
      return blackScholesPrice(spot, strike, time, rate, dividendYield, volatility, -1);
    }
    const growth = growthOf(time, rate, dividendYield, volatility);
    for (let k = 0; k < tiers.length; k++) {
      if (growth > tiers[k]!.maxGrowth * scale) continue;
      const scheme = (schemes[k] ??= createAndersenLake(createScheme(tiers[k]!.size)));
      const value = scheme.price(spot, strike, time, rate, dividendYield, volatility, -1, scale);
      if (scheme.isConverged() && (!scheme.isClose() || growth <= tiers[k]!.maxCloseGrowth * scale)) return value;
    }
    panels ??= openPanels();
    return strike * panels.price(spot / strike, time, market, bound * scale);
  };

  // A call is a put with spot and strike exchanged, so an error in units of that strike is larger in units of its own.
  return (spot, strike, time, rate, dividendYield, volatility, sign) =>
    sign < 0
      ? put(spot, strike, time, rate, dividendYield, volatility, 1)
      : put(strike, spot, time, dividendYield, rate, volatility, Math.min(1, strike / spot));
};
