import { median } from '#testkit/measures/statistics.ts';

/** A figure over time: seconds since the start of the run, and the value. */
export type Point = readonly [seconds: number, value: number];

/**
 * The median of the slopes of all pairs of points (Theil and Sen), per second. Faults and garbage collections make single
 * points high or low, which the least squares would follow.
 */
export const slopeOf = (points: readonly Point[]): number => {
  const slopes: number[] = [];
  for (const [index, [at, value]] of points.entries()) {
    for (const [later, laterValue] of points.slice(index + 1)) {
      if (later > at) slopes.push((laterValue - value) / (later - at));
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
};

export type Growth = {
  readonly name: string;
  /** The median after the warm-up. */
  readonly median: number;
  /** What the line through the points after the warm-up adds from its first point to its last. */
  readonly growth: number;
  readonly tolerance: number;
  readonly passed: boolean;
};

/** Min points for a judgement; fewer count as a failure. */
const minPoints = 5;

/** @param warmUp seconds at the start that do not count */
export const judgeGrowth = (
  name: string,
  points: readonly Point[],
  { warmUp, tolerance }: { readonly warmUp: number; readonly tolerance: number },
): Growth => {
  const counted = points.filter(([at]) => at >= warmUp);
  const seconds = (counted.at(-1)?.[0] ?? 0) - (counted[0]?.[0] ?? 0);
  const growth = slopeOf(counted) * seconds;
  return {
    name,
    median: median(counted.map(([, value]) => value)),
    growth,
    tolerance,
    passed: counted.length >= minPoints && growth <= tolerance,
  };
};
