import { hestonNames, type HestonName } from '../engines/heston/heston-gradient.ts';
import type { SurfacePoint } from './surface.ts';

/** Where the first fit begins if the caller does not say it, and what the other fits change. */
const usual = { kappa: 2, sigma: 0.6, rho: -0.5 } as const;
const others: readonly Readonly<Partial<Record<HestonName, number>>>[] = [
  { kappa: 0.5, sigma: 0.3, rho: -0.2 },
  { kappa: 6, sigma: 1.2, rho: -0.8 },
  { kappa: 1, sigma: 0.8, rho: 0.5 },
];

/** The variance of the quote that is next to the money among those of the shortest or the longest expiry. */
const varianceAt = (points: readonly SurfacePoint[], pick: (...times: number[]) => number): number => {
  const time = points.reduce((found, point) => pick(found, point.time), points[0]!.time);
  const ofExpiry = points.filter((point) => point.time === time);
  const nearest = ofExpiry.reduce((found, point) => (Math.abs(point.x) < Math.abs(found.x) ? point : found));
  return nearest.volatility ** 2;
};

/**
 * The points from which the fit begins, one after the other until one is good: the variances are those at the money of the
 * shortest and of the longest expiry. What the caller guessed replaces a value of the first start.
 */
export const startsOf = (
  points: readonly SurfacePoint[],
  guess: Readonly<Partial<Record<HestonName, number>>>,
): readonly Float64Array[] => {
  const level = { v0: varianceAt(points, Math.min), theta: varianceAt(points, Math.max) };
  return [guess, ...others].map((own) => {
    const start: Record<HestonName, number> = { ...level, ...usual, ...own };
    return Float64Array.from(hestonNames, (name) => start[name]);
  });
};
