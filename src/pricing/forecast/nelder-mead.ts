export type Minimum = {
  readonly at: readonly number[];
  readonly value: number;
  readonly iterations: number;
  readonly converged: boolean;
};

const TOLERANCE = 1e-10;

/**
 * Minimises a function with the simplex method of J. A. Nelder and R. Mead, Computer Journal 7 (1965), 308-313. The
 * first simplex has a corner at `start` and the edge length `size`. The search has converged when the values and the
 * points of the simplex agree.
 */
export const minimise = (
  f: (point: readonly number[]) => number,
  start: readonly number[],
  size: number,
  maxIterations: number,
): Minimum => {
  const simplex = [start, ...start.map((_, k) => start.map((x, j) => (j === k ? x + size : x)))].map((at) => ({
    at,
    value: f(at),
  }));
  let iterations = 0;
  const spread = (): number =>
    Math.max(...simplex.slice(1).flatMap(({ at }) => at.map((x, j) => Math.abs(x - simplex[0]!.at[j]!))));
  for (; iterations < maxIterations; iterations++) {
    simplex.sort((a, b) => a.value - b.value);
    const best = simplex[0]!;
    const worst = simplex.at(-1)!;
    if (worst.value - best.value <= TOLERANCE * (1 + Math.abs(best.value)) && spread() <= 1e-6) break;
    const others = simplex.slice(0, -1);
    const centre = start.map((_, j) => others.reduce((sum, { at }) => sum + at[j]!, 0) / others.length);
    const along = (factor: number) => {
      const at = centre.map((c, j) => c + factor * (c - worst.at[j]!));
      return { at, value: f(at) };
    };
    const reflected = along(1);
    let next = reflected;
    if (reflected.value < best.value) {
      const expanded = along(2);
      if (expanded.value < reflected.value) next = expanded;
    } else if (reflected.value >= others.at(-1)!.value) {
      next = along(reflected.value < worst.value ? 0.5 : -0.5);
    }
    if (next.value < worst.value) simplex[simplex.length - 1] = next;
    else {
      for (let k = 1; k < simplex.length; k++) {
        const at = simplex[k]!.at.map((x, j) => 0.5 * (x + best.at[j]!));
        simplex[k] = { at, value: f(at) };
      }
    }
  }
  const best = simplex.reduce((a, b) => (b.value < a.value ? b : a));
  return { ...best, iterations, converged: iterations < maxIterations };
};
